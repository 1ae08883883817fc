import { Alert, Anchor, Box, Code, Group, Paper, ScrollArea, Stack, Switch, Text, Title } from '@mantine/core'
import { IconArrowLeft } from '@tabler/icons-react'
import { lazy, Suspense, useState, type ReactNode } from 'react'
import { useClient } from 'urql'
import { Link, useLocation } from 'wouter'
import { Action } from '../components/action'
import { Empty } from '../components/empty'
import { HookSettings, UpdateHookDocument } from '../components/hooksettings'
import { HookTrial } from '../components/hooktrial'
import { HookVersions } from '../components/hookversions'
import { Problem } from '../components/problem'
import { Status } from '../components/status'
import { Time } from '../components/time'
import { Waiting } from '../components/waiting'
import { graphql } from '../gql'
import { exact } from '../lib/figures'
import { useHook, type HookDetail } from '../lib/hook'
import { refusal } from '../lib/outcome'

const HookCharts = lazy(() => import('../components/hookcharts'))

const RemoveHookDocument = graphql(`
  mutation RemoveHook($input: RemoveHookInput!) {
    removeHook(input: $input) {
      userErrors {
        message
      }
    }
  }
`)

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' })

export default function Hook({ name }: { name: string }) {
  const { hook: h, error, read } = useHook(name)
  const client = useClient()
  const [, go] = useLocation()
  const [problem, setProblem] = useState<string | null>(null)
  const back = (
    <Anchor component={Link} href="/hooks" size="sm">
      <IconArrowLeft size={14} aria-hidden /> All hooks
    </Anchor>
  )
  if (error && !h) return <Problem error={error} retry={read} />
  if (h === null) return <Empty title="There is no such hook">{back}</Empty>
  if (!h) return <Waiting />
  const turn = async (enabled: boolean) => {
    setProblem(refusal(await client.mutation(UpdateHookDocument, { input: { name, enabled } }).toPromise(), (d) => d.updateHook))
    read()
  }
  const remove = async () => {
    const refused = refusal(await client.mutation(RemoveHookDocument, { input: { name } }).toPromise(), (d) => d.removeHook)
    if (refused === null) go('/hooks')
    return refused
  }
  const versions = h.versions.length === 1 ? 'its version' : `all ${h.versions.length} versions`
  return (
    <Stack gap="md" maw={1100}>
      <div>
        {back}
        <Group justify="space-between" gap="xs">
          <Title order={1} size="h3" style={{ overflowWrap: 'anywhere' }}>
            {h.name}
          </Title>
          <Group gap="sm">
            <Switch label="Enabled" checked={h.enabled} onChange={(e) => void turn(e.currentTarget.checked)} />
            <Action label="Remove hook" danger title={`Remove ${h.name}?`} run={remove}>
              {versions[0]?.toUpperCase()}
              {versions.slice(1)}, the configuration, the scope and the limits of {h.name} are destroyed. There is no way back but to install it again. What it did to messages stays.
            </Action>
          </Group>
        </Group>
        <Group gap="xs" mt={4}>
          <Text size="sm">circuit</Text>
          <Status of={h.circuit} />
          <Text size="sm" c="dimmed">
            {h.version.shape.toLowerCase()} · {h.points.map((p) => p.toLowerCase()).join(', ')} · order {h.order}
          </Text>
        </Group>
      </div>
      {error && <Problem error={error} retry={read} />}
      {(problem ?? h.problem) && (
        <Alert color="red" role="alert" title={problem ? 'Nothing was changed' : 'It cannot run'}>
          {problem ?? h.problem}
        </Alert>
      )}
      <Part title="Calls since the engine was started">
        <Text size="sm">
          {calls(h.stats)}
          {h.stats.fuelPerCall !== null && ` A call takes ${exact(h.stats.fuelPerCall)} of its ${exact(h.limits.fuel)} fuel.`}
        </Text>
        {h.stats.lastError && (
          <Text size="sm" c="var(--mantine-color-error)" style={{ overflowWrap: 'anywhere' }}>
            Last failure <Time at={h.stats.lastErrorAt} />: {h.stats.lastError}
          </Text>
        )}
        {h.history.length > 0 && (
          <Box mih={150}>
            <Suspense>
              <HookCharts history={h.history} />
            </Suspense>
          </Box>
        )}
      </Part>
      <Part title="Try it">
        <HookTrial hook={h} />
      </Part>
      <Part title="Settings">
        <HookSettings hook={h} done={read} />
      </Part>
      <Part title="Versions">
        <HookVersions hook={h} done={read} />
      </Part>
      <Part title="Log">
        {h.log.length === 0 ? (
          <Text size="sm" c="dimmed">
            It has logged nothing since the engine was started.
          </Text>
        ) : (
          <ScrollArea.Autosize mah={320} viewportProps={{ tabIndex: 0, 'aria-label': 'Log', role: 'log' }}>
            <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
              {h.log.map((l) => `${clock.format(new Date(l.at))}  ${l.level.padEnd(5)}  ${l.message}`).join('\n')}
            </Code>
          </ScrollArea.Autosize>
        )}
      </Part>
    </Stack>
  )
}

function calls(s: HookDetail['stats']) {
  if (s.calls === 0) return 'None yet.'
  return `${exact(s.calls)}, of which ${exact(s.failures)} failed and ${exact(s.rejections)} refused what they were given.`
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper withBorder p="md" component="section" aria-label={title}>
      <Stack gap="sm">
        <Title order={2} size="h5">
          {title}
        </Title>
        {children}
      </Stack>
    </Paper>
  )
}
