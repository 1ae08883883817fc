import { Anchor, Button, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { useClient, useQuery } from 'urql'
import { Link } from 'wouter'
import { Empty } from '../components/empty'
import { Name } from '../components/name'
import { OperationProgress } from '../components/operationprogress'
import { Problem } from '../components/problem'
import { Status } from '../components/status'
import { Time } from '../components/time'
import { Waiting } from '../components/waiting'
import { graphql } from '../gql'
import type { OperationsQuery } from '../gql/graphql'
import { useRefresh } from '../lib/live'
import { mailAddress } from '../lib/mail'
import { visible } from '../lib/visible'

const OperationsDocument = graphql(`
  query Operations($after: String) {
    operations(first: 20, after: $after) {
      nodes {
        ...Operation
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`)

export default function Operations() {
  const client = useClient()
  const [r, query] = useQuery({ query: OperationsDocument, variables: {}, requestPolicy: 'cache-and-network' })
  const [further, setFurther] = useState<OperationsQuery['operations'][]>([])
  const read = () => query({ requestPolicy: 'network-only' })
  useRefresh((e) => e.type === 'OPERATION_CHANGED', () => {
    setFurther([])
    read()
  })
  const pages = r.data ? [r.data.operations, ...further] : []
  const operations = pages.flatMap((p) => p.nodes)
  const last = pages.at(-1)?.pageInfo
  const more = async () => {
    const next = await client.query(OperationsDocument, { after: last?.endCursor ?? null }, { requestPolicy: 'network-only' }).toPromise()
    if (next.data) setFurther([...further, next.data.operations])
  }
  return (
    <Stack maw={960}>
      <Title order={1} size="h3">
        Operations
      </Title>
      {r.error && <Problem error={r.error} retry={read} />}
      {!r.data && !r.error && <Waiting />}
      {r.data && operations.length === 0 && (
        <Empty title="Nobody has acted on many at once yet">
          Look for{' '}
          <Anchor component={Link} href="/messages" inherit underline="always">
            messages
          </Anchor>
          , and retry, cancel or discard all that the filter selects.
        </Empty>
      )}
      {operations.map((o) => (
        <Paper key={o.id} withBorder p="md" component="article" aria-label={`${o.action.toLowerCase()}: ${visible(o.reason)}`}>
          <Stack gap="xs">
            <Group gap="xs" justify="space-between">
              <Group gap="xs">
                <Text fw={600} tt="capitalize">
                  {o.action.toLowerCase()}
                </Text>
                <Status of={o.status} />
                <Anchor component={Link} href={mailAddress(o.filter)} size="sm" underline="always">
                  what the filter selects now
                </Anchor>
              </Group>
              <Text size="xs" c="dimmed">
                <Time at={o.startedAt} />
              </Text>
            </Group>
            <Text size="sm" style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
              <Name of={o.reason} />
            </Text>
            <OperationProgress id={o.id} />
          </Stack>
        </Paper>
      ))}
      {last?.hasNextPage && (
        <Button variant="default" onClick={() => void more()}>
          Show more
        </Button>
      )}
    </Stack>
  )
}
