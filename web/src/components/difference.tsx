import { Box, Text } from '@mantine/core'
import { difference } from '../lib/difference'

const colours = { '+': 'green', '-': 'red', ' ': null }
const words = { '+': 'added', '-': 'removed', ' ': '' }

/** Difference shows what changed from one value to another. */
export function Difference({ before, after, label }: { before: unknown; after: unknown; label: string }) {
  const lines = difference(before, after)
  if (lines.length === 0)
    return (
      <Text size="sm" c="dimmed">
        Nothing is different.
      </Text>
    )
  return (
    <Box role="figure" aria-label={label} ff="monospace" fz="xs" style={{ border: '1px solid var(--mantine-color-default-border)', borderRadius: 8, overflow: 'hidden' }}>
      {lines.map((l, i) => {
        const colour = l && colours[l.sign]
        return (
          <Box key={i} px="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }} bg={colour ? `var(--mantine-color-${colour}-light)` : undefined} c={colour ? `var(--mantine-color-${colour}-light-color)` : undefined}>
            {l === null ? '⋯' : <span aria-label={words[l.sign] || undefined}>{l.sign} </span>}
            {l?.text}
          </Box>
        )
      })}
    </Box>
  )
}
