import { Badge } from '@mantine/core'

const colours: Record<string, string> = {
  PENDING: 'blue',
  PROCESSING: 'violet',
  PAUSED: 'gray',
  COMPLETED: 'green',
  DELIVERED: 'green',
  FAILED: 'red',
  CANCELLED: 'gray',
  DROPPED: 'gray',
  UNKNOWN: 'orange',
  ACTIVE: 'green',
  CLOSED: 'gray',
  RUNNING: 'violet',
  IDLE: 'blue',
  STOPPED: 'gray',
  OPEN: 'red',
  HALF_OPEN: 'orange',
  REPLACE: 'blue',
  DROP: 'orange',
  REMOVE: 'orange',
  REJECT: 'red',
  FAIL: 'red',
  SKIPPED: 'orange',
}

/** Status shows a value of one of the API's status enums. */
export function Status({ of }: { of: string }) {
  return (
    <Badge color={colours[of] ?? 'gray'} variant="light" size="sm" radius="sm">
      {of.toLowerCase().replaceAll('_', ' ')}
    </Badge>
  )
}
