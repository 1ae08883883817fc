import { Badge, Box, Button, Drawer, Flex, Group, Stack, Text, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useClient, useQuery } from 'urql'
import { Action } from '../components/action'
import { Conversation } from '../components/conversation'
import { Empty } from '../components/empty'
import { Name, Names } from '../components/name'
import { Problem } from '../components/problem'
import { SessionFacts } from '../components/sessionfacts'
import { Status } from '../components/status'
import { Time } from '../components/time'
import { Waiting } from '../components/waiting'
import { graphql } from '../gql'
import { useMailbox } from '../lib/mailbox'
import { useRefresh } from '../lib/live'
import { refusal } from '../lib/outcome'

const SessionDocument = graphql(`
  query Session($id: ID!) {
    session(id: $id) {
      id
      agentGroup {
        id
        name
        destinations {
          name
          displayName
          type
          messagingGroup {
            channelType
          }
        }
      }
      messagingGroup {
        name
        channelType
        platformId
      }
      threadId
      mode
      status
      containerStatus
      labels
      lastActive
      createdAt
      heartbeat
      folder
      claims {
        messageId
        claimedAt
        message {
          id
          tries
        }
      }
      currentTool {
        name
        startedAt
        timeoutSeconds
      }
    }
  }
`)
const CloseDocument = graphql(`
  mutation CloseSession($id: ID!) {
    closeSession(input: { sessionId: $id }) {
      session {
        id
        status
      }
      userErrors {
        message
      }
    }
  }
`)

export default function Session({ id }: { id: string }) {
  const [r, read] = useQuery({ query: SessionDocument, variables: { id }, requestPolicy: 'cache-and-network' })
  const mailbox = useMailbox(id)
  const [showing, show] = useDisclosure()
  const client = useClient()
  useRefresh((e) => e.sessionId === id, () => read({ requestPolicy: 'network-only' }))
  const s = r.data?.session
  if (r.error && !s) return <Problem error={r.error} retry={() => read({ requestPolicy: 'network-only' })} />
  if (r.data && !s) return <Empty title="There is no such session">It may have been archived. “engine session restore” brings it back.</Empty>
  if (!s) return <Waiting />
  const close = async () => refusal(await client.mutation(CloseDocument, { id }).toPromise(), (d) => d.closeSession)
  const facts = <SessionFacts session={s} entries={mailbox.entries} />
  return (
    <Stack gap="sm" h="calc(100dvh - 48px - 2rem)" mih={480}>
      <Group justify="space-between" align="start">
        <div>
          <Title order={1} size="h4" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
            <Name of={s.id} />
          </Title>
          <Group gap="xs" mt={4}>
            <Status of={s.status} />
            <Text size="sm">
              <Names of={[s.agentGroup.name, s.messagingGroup && (s.messagingGroup.name ?? s.messagingGroup.channelType), s.threadId]} />
            </Text>
            {s.labels.map((l) => (
              <Badge key={l} variant="outline" size="sm">
                <Name of={l} />
              </Badge>
            ))}
          </Group>
          <Group gap="xs" mt={4}>
            <Text size="sm" c="dimmed">
              container
            </Text>
            <Status of={s.containerStatus} />
            <Text size="sm" c="dimmed">
              sign of life <Time at={s.heartbeat} />
            </Text>
          </Group>
        </div>
        <Group gap="xs">
          <Button variant="default" size="xs" hiddenFrom="lg" onClick={show.open}>
            Details
          </Button>
          {s.status === 'ACTIVE' && (
            <Action label="Close session" danger title="Close this session?" run={close}>
              {s.id} takes no more messages, and its chat gets a new session with the next one. What it holds stays, and can be read.
            </Action>
          )}
        </Group>
      </Group>
      {mailbox.error && <Problem error={mailbox.error} retry={() => void mailbox.refresh()} />}
      <Flex flex={1} mih={0} gap="lg">
        <Box flex={1} miw={0}>
          {!mailbox.loading && mailbox.entries.length === 0 && !mailbox.error ? (
            <Empty title="Nothing was said here yet">Write to it: engine message write {s.id} "Hello".</Empty>
          ) : mailbox.loading ? (
            <Waiting />
          ) : (
            <Conversation sessionId={id} entries={mailbox.entries} hasMore={mailbox.hasMore} more={mailbox.more} />
          )}
        </Box>
        <Box w={320} visibleFrom="lg" component="aside" aria-label="Details" tabIndex={0} style={{ overflow: 'auto' }}>
          {facts}
        </Box>
      </Flex>
      <Drawer opened={showing} onClose={show.close} title="Details" position="right" closeButtonProps={{ 'aria-label': 'Close' }}>
        {facts}
      </Drawer>
    </Stack>
  )
}
