import { Box, Paper, SimpleGrid, Text } from '@mantine/core'
import { Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'
import { compact, micros } from '../lib/figures'
import type { Sample } from '../lib/hook'

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })

type Series = { name: string; of: (s: Sample, before: Sample) => number | null; colour: string }

/** HookCharts show how a hook's stats went since the screen was opened. */
export default function HookCharts({ samples }: { samples: Sample[] }) {
  return (
    <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
      <Chart title="Calls" samples={samples} show={compact} series={[{ name: 'calls', of: (s, b) => Math.max(s.calls - b.calls, 0), colour: 'indigo' }]} />
      <Chart
        title="Time of a call"
        samples={samples}
        show={micros}
        series={[
          { name: 'p50', of: (s) => s.p50, colour: 'teal' },
          { name: 'p99', of: (s) => s.p99, colour: 'orange' },
        ]}
      />
      <Chart title="Fuel of a call" samples={samples} show={compact} series={[{ name: 'fuel', of: (s) => s.fuel, colour: 'grape' }]} />
    </SimpleGrid>
  )
}

function Chart({ title, samples, series, show }: { title: string; samples: Sample[]; series: Series[]; show: (n: number) => string }) {
  const rows = samples.map((s, i) => ({ at: s.at, ...Object.fromEntries(series.map((x) => [x.name, x.of(s, samples[i - 1] ?? s)])) }))
  const last = samples.at(-1)
  const now = last ? series.map((x) => x.of(last, samples.at(-2) ?? last)).map((n) => (n === null ? '–' : show(n))) : []
  const summary = series.map((x, i) => (series.length > 1 ? `${x.name} ${now[i] ?? '–'}` : (now[i] ?? '–'))).join(', ')
  return (
    <Paper withBorder p="xs">
      <Text size="xs" c="dimmed">
        {title}, now {summary}
      </Text>
      <Box h={96} role="img" aria-label={`${title} since this screen was opened; now ${summary}`}>
        <ResponsiveContainer width="100%" height="100%">
          <LineChart data={rows} accessibilityLayer={false} margin={{ top: 8, right: 4, bottom: 0, left: 4 }}>
            <XAxis dataKey="at" hide type="number" domain={['dataMin', 'dataMax']} />
            <YAxis hide domain={[0, 'auto']} />
            <Tooltip
              isAnimationActive={false}
              contentStyle={{ background: 'var(--mantine-color-body)', border: '1px solid var(--mantine-color-default-border)', borderRadius: 8, fontSize: 12 }}
              labelFormatter={(at) => clock.format(Number(at))}
              formatter={(v, name) => [show(Number(v)), name]}
            />
            {series.map((x) => (
              <Line key={x.name} dataKey={x.name} stroke={`var(--mantine-color-${x.colour}-text)`} strokeWidth={2} dot={rows.length < 3} isAnimationActive={false} type="monotone" />
            ))}
          </LineChart>
        </ResponsiveContainer>
      </Box>
    </Paper>
  )
}
