import { Anchor, Button, Group, List, Progress, Stack, Text } from '@mantine/core'
import { useClient, useQuery } from 'urql'
import { Link } from 'wouter'
import { exact } from '../lib/figures'
import { useRefresh } from '../lib/live'
import { CancelOperationDocument, OperationDocument } from '../lib/operation'
import { messagePath, replyPath } from '../lib/places'
import { Name } from './name'
import { Problem } from './problem'

/** OperationProgress shows how far an operation has come, live, and what it could not do. */
export function OperationProgress({ id }: { id: string }) {
  const client = useClient()
  const [r, query] = useQuery({ query: OperationDocument, variables: { id }, requestPolicy: 'cache-and-network' })
  const read = () => query({ requestPolicy: 'network-only' })
  useRefresh((e) => e.operationId === id, read)
  const o = r.data?.operation
  if (r.error && !o) return <Problem error={r.error} retry={read} />
  if (!o) return null
  const share = (n: number) => (o.total > 0 ? (100 * n) / o.total : 0)
  return (
    <Stack gap="xs">
      <Progress.Root size="lg">
        <Progress.Section value={share(o.done)} color="green" aria-label="Done" />
        <Progress.Section value={share(o.refused)} color="red" aria-label="Refused" />
      </Progress.Root>
      <Group justify="space-between">
        <Text size="sm" role="status">
          {exact(o.done)} of {exact(o.total)} done{o.refused > 0 && `, ${exact(o.refused)} refused`}
          {o.status === 'CANCELLED' && ', called off'}
        </Text>
        {o.status === 'RUNNING' && (
          <Button size="compact-xs" color="red" onClick={() => void client.mutation(CancelOperationDocument, { id }).toPromise().then(read)}>
            Stop
          </Button>
        )}
      </Group>
      {o.status === 'RUNNING' && (
        <Text size="xs" c="dimmed">
          The engine goes on with it when you leave this page.
        </Text>
      )}
      {o.refusals.nodes.length > 0 && (
        <List size="xs" aria-label="Refused">
          {o.refusals.nodes.map((i, n) => (
            <List.Item key={n} style={{ overflowWrap: 'anywhere' }}>
              <Anchor component={Link} inherit underline="always" href={i.messageId !== null ? messagePath(i.sessionId, i.messageId) : replyPath(i.sessionId, i.replyId ?? '')}>
                <Name of={i.messageId ?? i.replyId ?? ''} />
              </Anchor>
              : {i.problem}
            </List.Item>
          ))}
          {o.refusals.pageInfo.hasNextPage && <List.Item>and more</List.Item>}
        </List>
      )}
    </Stack>
  )
}
