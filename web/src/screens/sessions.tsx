import { Button, Group, Select, Stack, Table, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import { useClient, useQuery } from 'urql'
import { Empty } from '../components/empty'
import { Problem } from '../components/problem'
import { Status } from '../components/status'
import { Time } from '../components/time'
import { graphql } from '../gql'
import type { ContainerStatus, SessionsQuery, SessionStatus } from '../gql/graphql'
import { useFilter } from '../lib/filter'
import { useRowKeys } from '../lib/keys'
import { useRefresh } from '../lib/live'
import { sessionPath } from '../lib/places'

const SessionsDocument = graphql(`
  query Sessions($after: String, $filter: SessionFilter) {
    sessions(first: 50, after: $after, filter: $filter) {
      nodes {
        id
        agentGroup {
          id
          name
        }
        messagingGroup {
          name
          channelType
        }
        threadId
        status
        containerStatus
        lastActive
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`)
const GroupsDocument = graphql(`
  query AgentGroups {
    agentGroups(first: 100) {
      nodes {
        id
        name
      }
    }
  }
`)

export default function Sessions() {
  const [filter, setFilter] = useFilter('group', 'status', 'container')
  const [, go] = useLocation()
  const client = useClient()
  const variables = {
    filter: {
      agentGroupId: filter.group || undefined,
      status: (filter.status || undefined) as SessionStatus | undefined,
      containerStatus: filter.container ? [filter.container as ContainerStatus] : undefined,
    },
  }
  const [first, read] = useQuery({ query: SessionsDocument, variables, requestPolicy: 'cache-and-network' })
  const [groups] = useQuery({ query: GroupsDocument })
  const [more, setMore] = useState<SessionsQuery['sessions'][]>([])
  const [forFilter, setForFilter] = useState(JSON.stringify(variables))
  if (forFilter !== JSON.stringify(variables)) {
    setForFilter(JSON.stringify(variables))
    setMore([])
  }
  useRefresh((e) => e.type.startsWith('SESSION_') || e.type === 'CONTAINER_STUCK', () => read({ requestPolicy: 'network-only' }))
  const pages = first.data ? [first.data.sessions, ...more] : []
  const rows = pages.flatMap((p) => p.nodes)
  const last = pages.at(-1)?.pageInfo
  const row = useRowKeys(rows.length, (i) => go(sessionPath(rows[i]!.id)))
  const loadMore = async () => {
    const r = await client.query(SessionsDocument, { ...variables, after: last?.endCursor ?? null }).toPromise()
    if (r.data) setMore([...more, r.data.sessions])
  }
  return (
    <Stack>
      <Title order={1} size="h3">
        Sessions
      </Title>
      <Group align="end">
        <Select
          label="Agent group"
          placeholder="All"
          data={(groups.data?.agentGroups.nodes ?? []).map((g) => ({ value: g.id, label: g.name }))}
          value={filter.group || null}
          onChange={(v) => setFilter({ group: v ?? '' })}
          clearable
          searchable
        />
        <Select label="Status" placeholder="All" data={['ACTIVE', 'CLOSED']} value={filter.status || null} onChange={(v) => setFilter({ status: v ?? '' })} clearable />
        <Select
          label="Container"
          placeholder="All"
          data={['RUNNING', 'IDLE', 'STOPPED']}
          value={filter.container || null}
          onChange={(v) => setFilter({ container: v ?? '' })}
          clearable
        />
      </Group>
      {first.error && <Problem error={first.error} retry={() => read({ requestPolicy: 'network-only' })} />}
      {first.data && rows.length === 0 && (
        <Empty title="No session is like that">Take a part of the filter away, or make a session with the mutation resolveSession.</Empty>
      )}
      {rows.length > 0 && (
        <Table.ScrollContainer minWidth={1040}>
          <Table highlightOnHover verticalSpacing="xs">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Session</Table.Th>
                <Table.Th>Agent group</Table.Th>
                <Table.Th>Chat</Table.Th>
                <Table.Th>Status</Table.Th>
                <Table.Th>Container</Table.Th>
                <Table.Th>Active</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((s, i) => (
                <Table.Tr key={s.id} aria-current={i === row ? 'true' : undefined} bg={i === row ? 'var(--mantine-color-default-hover)' : undefined}>
                  <Table.Td>
                    <Text component={Link} href={sessionPath(s.id)} ff="monospace" size="sm" c="var(--mantine-color-anchor)" style={{ whiteSpace: 'nowrap' }}>
                      {s.id}
                    </Text>
                  </Table.Td>
                  <Table.Td maw={280}>
                    <Text size="sm" truncate title={s.agentGroup.name}>
                      {s.agentGroup.name}
                    </Text>
                  </Table.Td>
                  <Table.Td maw={280}>
                    <Text size="sm" truncate>
                      {s.messagingGroup ? `${s.messagingGroup.name ?? s.messagingGroup.channelType}${s.threadId ? ` · ${s.threadId}` : ''}` : '–'}
                    </Text>
                  </Table.Td>
                  <Table.Td>
                    <Status of={s.status} />
                  </Table.Td>
                  <Table.Td>
                    <Status of={s.containerStatus} />
                  </Table.Td>
                  <Table.Td>
                    <Time at={s.lastActive} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {last?.hasNextPage && (
        <Button variant="default" onClick={() => void loadMore()}>
          Show more
        </Button>
      )}
    </Stack>
  )
}
