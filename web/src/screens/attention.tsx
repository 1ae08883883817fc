import { Alert, Anchor, Group, List, NativeSelect, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { IconCircleCheck } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useQuery } from 'urql'
import { Link } from 'wouter'
import { IndexState } from '../components/indexstate'
import { Name } from '../components/name'
import { Problem } from '../components/problem'
import { Status } from '../components/status'
import { Time } from '../components/time'
import { Waiting } from '../components/waiting'
import { graphql } from '../gql'
import type { AttentionQuery } from '../gql/graphql'
import { exact } from '../lib/figures'
import { useFilter } from '../lib/filter'
import { useIndexedRefresh } from '../lib/live'
import { ages, mailAddress, refusedMail } from '../lib/mail'
import { hookPath, sessionPath } from '../lib/places'
import { useSince } from '../lib/since'

const AttentionDocument = graphql(`
  query Attention($since: DateTime) {
    attention(since: $since) {
      failedReplies {
        ...Mail
      }
      unsettledReplies {
        ...Mail
      }
      failedMessages {
        ...Mail
      }
      waitingMessages {
        ...Mail
      }
      stuckContainers {
        count
        sessions {
          id
          agentGroup {
            id
            name
          }
          heartbeat
        }
      }
      hooks {
        name
        circuit
        problem
        stats {
          lastError
        }
      }
      index {
        indexedUntil
        behind
        building
      }
    }
  }
  fragment Mail on AttentionMail {
    count
    more
    filter
    oldest {
      id
      at
      snippet
    }
  }
`)

type Mail = AttentionQuery['attention']['failedReplies']

const mails: { key: 'failedReplies' | 'waitingMessages' | 'failedMessages' | 'unsettledReplies'; title: string; says: string }[] = [
  { key: 'failedReplies', title: 'Failed deliveries', says: 'Replies that are not tried again.' },
  { key: 'waitingMessages', title: 'Waiting messages', says: 'They ought to wake a container that has not taken them.' },
  { key: 'failedMessages', title: 'Failed messages', says: 'The agent gave them up.' },
  { key: 'unsettledReplies', title: 'Undelivered replies', says: 'They wait for their delivery, or its outcome is not known.' },
]

export default function Attention() {
  const [filter, setFilter] = useFilter('age')
  const refused = refusedMail(filter)
  const since = useSince(filter.age)
  const [r, query] = useQuery({ query: AttentionDocument, variables: { since }, requestPolicy: 'cache-and-network', pause: refused !== null })
  const read = () => void (refused ?? query({ requestPolicy: 'network-only' }))
  useIndexedRefresh(() => true, read, r.data?.attention.index)
  const a = refused ? undefined : r.data?.attention
  return (
    <Stack>
      <Group justify="space-between" align="end">
        <Title order={1} size="h3">
          Attention
        </Title>
        <NativeSelect
          label="Failures"
          data={[{ value: '', label: 'Of any age' }, ...Object.entries(ages).flatMap(([value, { label, ms }]) => (ms > 0 ? [{ value, label }] : []))]}
          value={filter.age}
          onChange={(e) => setFilter({ age: e.currentTarget.value })}
        />
      </Group>
      {refused && (
        <Alert color="red" role="alert" title="The address asks for what there is not">
          <Name of={refused} />
        </Alert>
      )}
      {r.error && <Problem error={r.error} retry={read} />}
      {!a && !r.error && !refused && <Waiting />}
      {a && (
        <>
          <IndexState index={a.index} />
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="sm">
            {mails.map((m) => (
              <MailCard key={m.key} title={m.title} says={m.says} mail={a[m.key]} />
            ))}
            <Card title="Stuck containers" says="They have messages in work and show no sign of life." count={a.stuckContainers.count} href={a.stuckContainers.count === 1 ? sessionPath(a.stuckContainers.sessions[0]?.id ?? '') : '#stuck'}>
              {a.stuckContainers.sessions.length > 0 && (
                <List size="sm" id="stuck" listStyleType="none" spacing={4}>
                  {a.stuckContainers.sessions.map((s) => (
                    <List.Item key={s.id}>
                      <Anchor component={Link} href={sessionPath(s.id)} size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
                        <Name of={s.id} />
                      </Anchor>
                      <Text size="xs" c="dimmed">
                        <Name of={s.agentGroup.name} /> · heartbeat <Time at={s.heartbeat} />
                      </Text>
                    </List.Item>
                  ))}
                </List>
              )}
            </Card>
            <Card title="Hooks in trouble" says="Their circuit is not closed, or they cannot run." count={a.hooks.length} href={a.hooks.length === 1 ? hookPath(a.hooks[0]?.name ?? '') : '#hooks'}>
              {a.hooks.length > 0 && (
                <List size="sm" id="hooks" listStyleType="none" spacing={4}>
                  {a.hooks.map((h) => (
                    <List.Item key={h.name}>
                      <Group gap="xs">
                        <Anchor component={Link} href={hookPath(h.name)} size="sm" style={{ overflowWrap: 'anywhere' }}>
                          {h.name}
                        </Anchor>
                        <Status of={h.circuit} />
                      </Group>
                      <Text size="xs" c="dimmed" lineClamp={2} style={{ overflowWrap: 'anywhere' }}>
                        {h.problem ?? h.stats.lastError}
                      </Text>
                    </List.Item>
                  ))}
                </List>
              )}
            </Card>
          </SimpleGrid>
          <Text size="sm" c="dimmed">
            A number leads to exactly its rows. What failed stays here until it is retried or discarded: choose failures of the last hours to see what is new.
          </Text>
        </>
      )}
    </Stack>
  )
}

function MailCard({ title, says, mail }: { title: string; says: string; mail: Mail }) {
  return (
    <Card title={title} says={says} count={mail.count} more={mail.more} href={mailAddress(mail.filter)}>
      {mail.oldest && (
        <Text size="xs" c="dimmed" lineClamp={2} style={{ overflowWrap: 'anywhere' }}>
          oldest <Time at={mail.oldest.at} />: <bdi>{mail.oldest.snippet || 'no text'}</bdi>
        </Text>
      )}
    </Card>
  )
}

function Card({ title, says, count, more, href, children }: { title: string; says: string; count: number; more?: boolean; href: string; children: ReactNode }) {
  const number = `${exact(count)}${more ? '+' : ''}`
  return (
    <Paper withBorder p="md" component="section" aria-label={title}>
      <Group justify="space-between" align="start" wrap="nowrap">
        <div>
          <Title order={2} size="h5">
            {title}
          </Title>
          <Text size="xs" c="dimmed">
            {says}
          </Text>
        </div>
        {count === 0 ? (
          <Group gap={4} wrap="nowrap" c="green">
            <IconCircleCheck size={18} aria-hidden />
            <Text size="sm" fw={600}>
              none
            </Text>
          </Group>
        ) : (
          <Anchor {...(href.startsWith('#') ? { href } : { component: Link, href })} fz={28} fw={700} lh={1} aria-label={`${number}: ${title}`}>
            {number}
          </Anchor>
        )}
      </Group>
      {count > 0 && <Stack mt="xs">{children}</Stack>}
    </Paper>
  )
}
