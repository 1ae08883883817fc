import { Alert, Anchor, Box, Group, Paper, Stack, Text } from '@mantine/core'
import { Link } from 'wouter'
import type { MailboxEntry } from '../lib/mailbox'
import { entryPath } from '../lib/places'
import { visible } from '../lib/visible'
import { Files } from './files'
import { Name, Names } from './name'
import { Says } from './says'
import { Status } from './status'
import { Time } from './time'

/** Entry is one message or reply in a conversation. Text is text, whatever is in it. */
export function Entry({ entry, sessionId, current }: { entry: MailboxEntry; sessionId: string; current: boolean }) {
  const { message, reply } = entry
  const row = (message ?? reply)!
  const id = visible(message?.messageId ?? reply!.replyId)
  const problem = row.problem ?? reply?.delivery.lastError ?? null
  return (
    <Box pb="sm" component="article" aria-current={current ? 'true' : undefined} aria-label={`${message ? 'Message' : 'Reply'} ${id}`}>
      <Paper withBorder p="sm" ml={reply ? { base: 'md', sm: 'xl' } : 0} mr={message ? { base: 'md', sm: 'xl' } : 0} bg={reply ? 'var(--mantine-color-default-hover)' : undefined} style={current ? { outline: '2px solid var(--mantine-color-anchor)', outlineOffset: -2 } : undefined}>
        <Stack gap="xs">
          <Group gap="xs" justify="space-between">
            <Group gap="xs">
              <Text size="xs" fw={600}>
                {message ? 'Message' : 'Reply'}
              </Text>
              <Text size="xs" c="dimmed">
                <Names of={[row.kind, row.channelType]} />
              </Text>
              <Status of={message ? message.status : reply!.delivery.status} />
              {reply && reply.delivery.attempts > 1 && (
                <Text size="xs" c="dimmed">
                  {reply.delivery.attempts} attempts
                </Text>
              )}
              {message && message.tries > 0 && (
                <Text size="xs" c="dimmed">
                  {message.tries} tries
                </Text>
              )}
              {message?.recurrence && (
                <Text size="xs" c="dimmed" ff="monospace">
                  {message.recurrence}
                </Text>
              )}
            </Group>
            <Text size="xs" c="dimmed">
              <Time at={row.timestamp} />
            </Text>
          </Group>
          <Says content={row.contentText} />
          <Files files={row.attachments} content={reply?.contentText ?? ''} delivered={reply?.delivery.status === 'DELIVERED'} />
          {message?.processAfter && message.status === 'PENDING' && (
            <Text size="xs" c="dimmed">
              due <Time at={message.processAfter} />
            </Text>
          )}
          {reply?.delivery.nextAttemptAt && (
            <Text size="xs" c="dimmed">
              next attempt <Time at={reply.delivery.nextAttemptAt} />
            </Text>
          )}
          {problem && (
            <Alert color="red" p="xs">
              {problem}
            </Alert>
          )}
          <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
            <Anchor component={Link} href={entryPath(sessionId, entry)} inherit underline="always" aria-label={`Story of ${message ? 'message' : 'reply'} ${id}`}>
              <Name of={id} />
            </Anchor>
            {row.seq !== null && ` · seq ${row.seq}`}
          </Text>
        </Stack>
      </Paper>
    </Box>
  )
}
