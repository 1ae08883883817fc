import { Button, Group, Select, Stack, Table, Text, Title } from '@mantine/core'
import { Link, useLocation } from 'wouter'
import { useQuery } from 'urql'
import { Empty } from '../components/empty'
import { Name, Names } from '../components/name'
import { Problem } from '../components/problem'
import { Status } from '../components/status'
import { Time } from '../components/time'
import { Waiting } from '../components/waiting'
import { graphql } from '../gql'
import type { ContainerStatus, SessionStatus } from '../gql/graphql'
import { useFilter } from '../lib/filter'
import { useRowKeys } from '../lib/keys'
import { sessionPath } from '../lib/places'
import { useSessions } from '../lib/sessions'
import { visible } from '../lib/visible'

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
  const [groups] = useQuery({ query: GroupsDocument })
  const { rows, loading, hasMore, error, more, read } = useSessions({
    agentGroupId: filter.group || undefined,
    status: (filter.status || undefined) as SessionStatus | undefined,
    containerStatus: filter.container ? [filter.container as ContainerStatus] : undefined,
  })
  const row = useRowKeys(rows.length, (i) => go(sessionPath(rows[i]!.id)))
  return (
    <Stack>
      <Title order={1} size="h3">
        Sessions
      </Title>
      <Group align="end">
        <Select
          label="Agent group"
          placeholder="All"
          data={(groups.data?.agentGroups.nodes ?? []).map((g) => ({ value: g.id, label: visible(g.name) }))}
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
      {error && <Problem error={error} retry={() => void read()} />}
      {loading && <Waiting />}
      {!loading && !error && rows.length === 0 && (
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
                      <Name of={s.id} />
                    </Text>
                  </Table.Td>
                  <Table.Td maw={280}>
                    <Text size="sm" truncate title={visible(s.agentGroup.name)}>
                      <Name of={s.agentGroup.name} />
                    </Text>
                  </Table.Td>
                  <Table.Td maw={280}>
                    <Text size="sm" truncate>
                      {s.messagingGroup ? <Names of={[s.messagingGroup.name ?? s.messagingGroup.channelType, s.threadId]} /> : '–'}
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
      {hasMore && (
        <Button variant="default" onClick={more}>
          Show more
        </Button>
      )}
    </Stack>
  )
}
