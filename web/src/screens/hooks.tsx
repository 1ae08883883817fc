import { Alert, Stack, Switch, Table, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { useMutation, useQuery } from 'urql'
import { Link, useLocation } from 'wouter'
import { Empty } from '../components/empty'
import { Problem } from '../components/problem'
import { Status } from '../components/status'
import { Waiting } from '../components/waiting'
import { graphql } from '../gql'
import { useRowKeys } from '../lib/keys'
import { useRefresh } from '../lib/live'
import { compact, micros } from '../lib/figures'
import { hookPath } from '../lib/places'

const HooksDocument = graphql(`
  query Hooks {
    hooks {
      name
      enabled
      points
      order
      onFailure
      circuit
      problem
      version {
        sha256
        shape
        installedAt
      }
      stats {
        calls
        failures
        rejections
        p50Micros
        p99Micros
        fuelPerCall
        lastError
        lastErrorAt
      }
    }
  }
`)
const EnableDocument = graphql(`
  mutation EnableHook($name: ID!, $enabled: Boolean!) {
    updateHook(input: { name: $name, enabled: $enabled }) {
      hook {
        name
        enabled
      }
      userErrors {
        message
      }
    }
  }
`)

export default function Hooks() {
  const [r, read] = useQuery({ query: HooksDocument, requestPolicy: 'cache-and-network' })
  const [, enable] = useMutation(EnableDocument)
  const [, go] = useLocation()
  const [problem, setProblem] = useState<string | null>(null)
  const again = () => read({ requestPolicy: 'network-only' })
  useRefresh((e) => e.type === 'HOOK_CHANGED' || e.type === 'HOOK_FAILED', again)
  const turn = async (name: string, enabled: boolean) => {
    const done = await enable({ name, enabled })
    setProblem(done.error?.message ?? done.data?.updateHook?.userErrors[0]?.message ?? null)
    again()
  }
  const hooks = [...(r.data?.hooks ?? [])].sort((a, b) => a.order - b.order)
  const row = useRowKeys(hooks.length, (i) => go(hookPath(hooks[i]!.name)))
  return (
    <Stack>
      <Title order={1} size="h3">
        Hooks
      </Title>
      {r.error && <Problem error={r.error} retry={again} />}
      {problem && (
        <Alert color="red" role="alert" withCloseButton onClose={() => setProblem(null)}>
          {problem}
        </Alert>
      )}
      {!r.data && !r.error && <Waiting />}
      {r.data && hooks.length === 0 && <Empty title="No hook is installed">The shortest way to one: engine hook install redact.js</Empty>}
      {hooks.length > 0 && (
        <Table.ScrollContainer minWidth={900}>
          <Table verticalSpacing="xs">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Order</Table.Th>
                <Table.Th>Hook</Table.Th>
                <Table.Th>Points</Table.Th>
                <Table.Th>Circuit</Table.Th>
                <Table.Th ta="right">Calls</Table.Th>
                <Table.Th ta="right">Failures</Table.Th>
                <Table.Th ta="right">p50</Table.Th>
                <Table.Th ta="right">p99</Table.Th>
                <Table.Th ta="right">Fuel</Table.Th>
                <Table.Th>Enabled</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {hooks.map((h, i) => (
                <Table.Tr key={h.name} aria-current={i === row ? 'true' : undefined} bg={i === row ? 'var(--mantine-color-default-hover)' : undefined}>
                  <Table.Td>{h.order}</Table.Td>
                  <Table.Td>
                    <Text component={Link} href={hookPath(h.name)} c="var(--mantine-color-anchor)" size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
                      {h.name}
                    </Text>
                    <Text size="xs" c="dimmed">
                      {h.version.shape.toLowerCase()} · on failure {h.onFailure.toLowerCase()}
                    </Text>
                    {(h.problem ?? h.stats.lastError) && (
                      <Text size="xs" c="var(--mantine-color-error)" lineClamp={2} style={{ overflowWrap: 'anywhere' }}>
                        {h.problem ?? h.stats.lastError}
                      </Text>
                    )}
                  </Table.Td>
                  <Table.Td>
                    {h.points.map((p) => p.toLowerCase()).join(', ')}
                  </Table.Td>
                  <Table.Td>
                    <Status of={h.circuit} />
                  </Table.Td>
                  <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>{compact(h.stats.calls)}</Table.Td>
                  <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>{compact(h.stats.failures)}</Table.Td>
                  <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>{micros(h.stats.p50Micros)}</Table.Td>
                  <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>{micros(h.stats.p99Micros)}</Table.Td>
                  <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>{h.stats.fuelPerCall === null ? '–' : compact(h.stats.fuelPerCall)}</Table.Td>
                  <Table.Td>
                    <Switch checked={h.enabled} aria-label={`${h.name} is enabled`} onChange={(e) => void turn(h.name, e.currentTarget.checked)} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Stack>
  )
}
