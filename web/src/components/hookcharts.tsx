import { Box, Paper, SimpleGrid, Text } from '@mantine/core'
import { Bar, BarChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'
import { compact, exact, micros } from '../lib/figures'
import type { Minute } from '../lib/hook'

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const minute = 60_000
const span = 60

type Key = 'passed' | 'failures' | 'p50' | 'beyond'
type Row = { at: number } & Partial<Record<Key, number>>
type Series = { key: Key; name: string; colour: string }

/** byMinute has a row for each minute of the last hour, also for those without a call. */
function byMinute(history: Minute[]): Row[] {
  const end = Math.max(Math.floor(Date.now() / minute) * minute, ...history.map((m) => Date.parse(m.at)))
  const known = new Map(history.map((m) => [Math.floor(Date.parse(m.at) / minute) * minute, m]))
  return Array.from({ length: span }, (_, i) => {
    const at = end - (span - 1 - i) * minute
    const m = known.get(at)
    if (!m) return { at }
    const p50 = m.p50Micros ?? 0
    return { at, passed: m.calls - m.failures, failures: m.failures, p50, beyond: Math.max((m.p95Micros ?? p50) - p50, 0) }
  })
}

/** HookCharts show how a hook fared in each minute of the last hour. */
export default function HookCharts({ history }: { history: Minute[] }) {
  const rows = byMinute(history)
  const calls = history.reduce((n, m) => n + m.calls, 0)
  const failures = history.reduce((n, m) => n + m.failures, 0)
  const slowest = Math.max(...history.map((m) => m.p95Micros ?? 0))
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
      <Chart
        title="Calls a minute"
        summary={`${exact(calls)} in the last hour, ${exact(failures)} failed`}
        rows={rows}
        show={compact}
        series={[
          { key: 'passed', name: 'worked', colour: 'indigo' },
          { key: 'failures', name: 'failed', colour: 'red' },
        ]}
      />
      <Chart
        title="Time of a call"
        summary={`half of them, and 95 of 100; at most ${micros(slowest)}`}
        rows={rows}
        show={micros}
        series={[
          { key: 'p50', name: 'half within', colour: 'teal' },
          { key: 'beyond', name: '95 of 100 within so much more', colour: 'orange' },
        ]}
      />
    </SimpleGrid>
  )
}

function Chart({ title, summary, rows, series, show }: { title: string; summary: string; rows: Row[]; series: Series[]; show: (n: number) => string }) {
  return (
    <Paper withBorder p="xs">
      <Text size="sm" fw={600}>
        {title}
      </Text>
      <Text size="xs" c="dimmed">
        {summary}
      </Text>
      <Box h={96} role="img" aria-label={`${title} over the last hour: ${summary}`}>
        <ResponsiveContainer width="100%" height="100%">
          <BarChart data={rows} accessibilityLayer={false} barCategoryGap={1} margin={{ top: 8, right: 28, bottom: 0, left: 28 }}>
            <XAxis dataKey="at" tickFormatter={(at) => clock.format(Number(at))} ticks={[rows[0]!.at, rows[span / 2]!.at, rows.at(-1)!.at]} interval={0} tick={{ fontSize: 10, fill: 'var(--mantine-color-dimmed)' }} tickLine={false} axisLine={{ stroke: 'var(--mantine-color-default-border)' }} height={18} />
            <YAxis hide domain={[0, 'auto']} />
            <Tooltip
              isAnimationActive={false}
              cursor={{ fill: 'var(--mantine-color-default-hover)' }}
              contentStyle={{ background: 'var(--mantine-color-body)', border: '1px solid var(--mantine-color-default-border)', borderRadius: 8, fontSize: 12 }}
              labelFormatter={(at) => clock.format(Number(at))}
              formatter={(v, name) => [show(Number(v)), name]}
            />
            {series.map((s) => (
              <Bar key={s.key} dataKey={s.key} name={s.name} stackId="one" fill={`var(--mantine-color-${s.colour}-filled)`} isAnimationActive={false} />
            ))}
          </BarChart>
        </ResponsiveContainer>
      </Box>
    </Paper>
  )
}
