import { Alert, Text } from '@mantine/core'
import { exact } from '../lib/figures'
import { Time } from './time'

/** So many events behind is what a busy engine's index always is. */
const notable = 200

/** IndexState says so when what is shown is not up to now. */
export function IndexState({ index }: { index: { indexedUntil: string; behind: number; building: boolean } | null }) {
  if (!index) return null
  if (index.building)
    return (
      <Alert color="orange" role="status" title="The index is being made">
        Some of what is older cannot be found yet.
      </Alert>
    )
  if (index.behind < notable) return null
  return (
    <Text size="xs" c="dimmed" role="status">
      As of <Time at={index.indexedUntil} />: {exact(index.behind)} events are still to be followed.
    </Text>
  )
}
