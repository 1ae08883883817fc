import { Badge, Box, Button, Group, Modal, Stack, Text, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation, useQuery } from 'urql'
import { Conversation } from '../components/conversation'
import { Empty } from '../components/empty'
import { Problem } from '../components/problem'
import { Status } from '../components/status'
import { Time } from '../components/time'
import { graphql } from '../gql'
import { useMailbox } from '../lib/mailbox'
import { useRefresh } from '../lib/live'

const SessionDocument = graphql(`
  query Session($id: ID!) {
    session(id: $id) {
      id
      agentGroup {
        id
        name
        destinations {
          name
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
  const [closing, close] = useDisclosure()
  const [closed, closeSession] = useMutation(CloseDocument)
  useRefresh((e) => e.sessionId === id, () => read({ requestPolicy: 'network-only' }))
  const s = r.data?.session
  if (r.error && !s) return <Problem error={r.error} retry={() => read({ requestPolicy: 'network-only' })} />
  if (r.data && !s) return <Empty title="There is no such session">It may have been archived. “engine session restore” brings it back.</Empty>
  if (!s) return null
  const refused = closed.data?.closeSession?.userErrors[0]?.message
  return (
    <Stack gap="sm" h="calc(100dvh - 48px - 2rem)">
      <Group justify="space-between" align="start">
        <div>
          <Title order={1} size="h4" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
            {s.id}
          </Title>
          <Group gap="xs" mt={4}>
            <Status of={s.status} />
            <Text size="sm">
              {s.agentGroup.name}
              {s.messagingGroup && ` · ${s.messagingGroup.name ?? s.messagingGroup.channelType}`}
              {s.threadId && ` · ${s.threadId}`}
            </Text>
            {s.labels.map((l) => (
              <Badge key={l} variant="outline" size="sm">
                {l}
              </Badge>
            ))}
          </Group>
          <Group gap="md" mt={4}>
            <Text size="sm" c="dimmed">
              container <Status of={s.containerStatus} />
            </Text>
            <Text size="sm" c="dimmed">
              heartbeat <Time at={s.heartbeat} />
            </Text>
            <Text size="sm" c="dimmed">
              active <Time at={s.lastActive} />
            </Text>
            <Text size="sm" c="dimmed">
              destinations {s.agentGroup.destinations.map((d) => d.name).join(', ') || 'none'}
            </Text>
          </Group>
        </div>
        {s.status === 'ACTIVE' && (
          <Button variant="default" size="xs" onClick={close.open}>
            Close session
          </Button>
        )}
      </Group>
      {mailbox.error && <Problem error={mailbox.error} retry={() => void mailbox.refresh()} />}
      <Box flex={1} mih={0}>
        {!mailbox.loading && mailbox.entries.length === 0 && !mailbox.error ? (
          <Empty title="Nothing was said here yet">Write to it: engine message write {s.id} "Hello".</Empty>
        ) : (
          <Conversation sessionId={id} entries={mailbox.entries} hasMore={mailbox.hasMore} more={mailbox.more} />
        )}
      </Box>
      <Modal opened={closing} onClose={close.close} title={`Close session ${s.id}?`}>
        <Stack>
          <Text size="sm">It takes no more messages, and its chat gets a new session with the next one. What it holds stays, and can be read.</Text>
          {refused && <Text c="red">{refused}</Text>}
          <Group justify="end">
            <Button variant="default" onClick={close.close}>
              Cancel
            </Button>
            <Button color="red" loading={closed.fetching} onClick={() => void closeSession({ id }).then((r) => r.data?.closeSession?.session && close.close())}>
              Close session
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Stack>
  )
}
