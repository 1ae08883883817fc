import { Anchor, Group, List, Stack, Text } from '@mantine/core'
import { Link } from 'wouter'
import { graphql } from '../gql'
import type { HookRunFragment } from '../gql/graphql'
import { compact, micros } from '../lib/figures'
import { bytes } from '../lib/files'
import { hookPath } from '../lib/places'
import { Name } from './name'
import { Status } from './status'

graphql(`
  fragment HookRun on HookRun {
    hook
    version
    point
    action
    reason
    micros
    fuel
    attachment
    attachmentName
    changes {
      path
      sizeBefore
      sizeAfter
    }
  }
`)

/** HookRuns are what each hook did to a message or reply as it passed; what it took out is kept nowhere. */
export function HookRuns({ runs }: { runs: HookRunFragment[] }) {
  return (
    <List listStyleType="none" spacing="xs" aria-label="What each hook did">
      {runs.map((r, i) => (
        <List.Item key={i}>
          <Stack gap={2}>
            <Group gap="xs">
              <Anchor component={Link} href={hookPath(r.hook)} size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
                {r.hook}
              </Anchor>
              <Status of={r.action} />
              {r.attachment !== null && (
                <Text size="xs" style={{ overflowWrap: 'anywhere' }}>
                  attachment {r.attachment}
                  {r.attachmentName !== null && (
                    <>
                      , <Name of={r.attachmentName} />
                    </>
                  )}
                </Text>
              )}
              <Text size="xs" c="dimmed">
                {micros(r.micros)} · {compact(r.fuel)} fuel · version <abbr title={r.version}>{r.version.slice(0, 8)}</abbr>
              </Text>
            </Group>
            {r.reason && (
              <Text size="sm" c="var(--mantine-color-error)" style={{ overflowWrap: 'anywhere' }}>
                {r.reason}
              </Text>
            )}
            {r.action === 'REPLACE' && r.changes.length === 0 && (
              <Text size="sm" c="dimmed">
                It replaced it with the same.
              </Text>
            )}
            {r.changes.map((c, k) => (
              <Text key={k} size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
                <Text span inherit ff="monospace" c="var(--mantine-color-text)">
                  <Name of={c.path || 'all of it'} />
                </Text>{' '}
                {said(c)}
              </Text>
            ))}
          </Stack>
        </List.Item>
      ))}
    </List>
  )
}

function said({ sizeBefore, sizeAfter }: HookRunFragment['changes'][number]) {
  if (sizeBefore === null) return `added, ${bytes(sizeAfter ?? 0)}`
  if (sizeAfter === null) return `removed, ${bytes(sizeBefore)}`
  return `changed, ${bytes(sizeBefore)} → ${bytes(sizeAfter)}`
}
