import { Anchor, List, Text } from '@mantine/core'
import { Link } from 'wouter'
import { graphql } from '../gql'
import type { MarkFragment } from '../gql/graphql'
import { messagePath } from '../lib/places'
import { Name } from './name'
import { Time } from './time'

graphql(`
  fragment Mark on OperationMark {
    operationId
    action
    reason
    at
    retriedAs
    retryOf
  }
`)

const past: Record<MarkFragment['action'], string> = { RETRY: 'Retried', PAUSE: 'Paused', RESUME: 'Resumed', CANCEL: 'Cancelled', DISCARD: 'Discarded' }

/** Marks are what operations did with a message or reply, and why. */
export function Marks({ sessionId, marks }: { sessionId: string; marks: MarkFragment[] }) {
  if (marks.length === 0) return null
  return (
    <List size="sm" listStyleType="none" aria-label="What operations did with it">
      {marks.map((m) => {
        const other = m.retryOf ?? m.retriedAs
        return (
          <List.Item key={`${m.operationId} ${m.action} ${m.at ?? ''}`} style={{ overflowWrap: 'anywhere' }}>
            {m.retryOf !== null ? 'Written' : past[m.action]} by an{' '}
            <Anchor component={Link} href="/operations" inherit underline="always">
              operation
            </Anchor>{' '}
            <Time at={m.at} />
            {other !== null && (
              <>
                {m.retryOf !== null ? ' for ' : ' as '}
                <Anchor component={Link} href={messagePath(sessionId, other)} inherit underline="always">
                  <Name of={other} />
                </Anchor>
              </>
            )}
            :{' '}
            <Text span inherit c="dimmed">
              <Name of={m.reason} />
            </Text>
          </List.Item>
        )
      })}
    </List>
  )
}
