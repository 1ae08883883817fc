import { Alert, Group, Paper, Stack, Text } from '@mantine/core'
import { useClient } from 'urql'
import { graphql } from '../gql'
import type { Answer as Reply } from '../lib/story'
import { refusal } from '../lib/outcome'
import { visible } from '../lib/visible'
import { Action } from './action'
import { DryRun } from './dryrun'
import { Files } from './files'
import { HookRuns } from './hookruns'
import { Marks } from './marks'
import { Name, Names } from './name'
import { Says } from './says'
import { Status } from './status'
import { Time } from './time'

const RetryReplyDocument = graphql(`
  mutation RetryReply($input: RetryReplyInput!) {
    retryReply(input: $input) {
      userErrors {
        message
      }
    }
  }
`)

const PauseReplyDocument = graphql(`
  mutation PauseReply($input: ReplyActionInput!) {
    pauseReply(input: $input) {
      userErrors {
        message
      }
    }
  }
`)
const ResumeReplyDocument = graphql(`
  mutation ResumeReply($input: ReplyActionInput!) {
    resumeReply(input: $input) {
      userErrors {
        message
      }
    }
  }
`)
const CancelReplyDocument = graphql(`
  mutation CancelReply($input: ReplyActionInput!) {
    cancelReply(input: $input) {
      userErrors {
        message
      }
    }
  }
`)
const DiscardReplyDocument = graphql(`
  mutation DiscardReply($input: ReplyActionInput!) {
    discardReply(input: $input) {
      userErrors {
        message
      }
    }
  }
`)

/** Answer is a reply and what became of its delivery. */
export function Answer({ sessionId, reply, done }: { sessionId: string; reply: Reply; done: () => void }) {
  const client = useClient()
  const d = reply.delivery
  const again = d.status === 'FAILED' || d.status === 'DROPPED' || d.status === 'UNKNOWN' || d.status === 'CANCELLED' || d.status === 'PAUSED' || d.nextAttemptAt !== null
  const input = { sessionId, replyId: reply.replyId }
  const then = (refused: string | null) => {
    if (refused === null) done()
    return refused
  }
  const to = reply.channelType || reply.platformId ? <Names of={[reply.channelType, reply.platformId]} /> : null
  return (
    <Paper withBorder p="sm" component="article" aria-label={`Reply ${visible(reply.replyId)}`}>
      <Stack gap="xs">
        <Group gap="xs" justify="space-between">
          <Text size="xs" ff="monospace" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            <Name of={reply.replyId} />
          </Text>
          <Text size="xs" c="dimmed">
            <Time at={reply.timestamp} />
          </Text>
        </Group>
        <Says content={reply.contentText} />
        <Files files={reply.attachments} content={reply.contentText} delivered={d.status === 'DELIVERED'} />
        {reply.problem && <Alert color="red">{reply.problem}</Alert>}
        <Group gap="xs">
          <Status of={d.status} />
          <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {to && <>to {to} · </>}
            {d.attempts === 1 ? '1 attempt' : `${d.attempts} attempts`}
            {d.platformMessageId && (
              <>
                {' '}
                · <Name of={d.platformMessageId} />
              </>
            )}
          </Text>
          {d.settledAt && (
            <Text size="xs" c="dimmed">
              settled <Time at={d.settledAt} />
            </Text>
          )}
          {d.nextAttemptAt && (
            <Text size="xs" c="dimmed">
              next attempt <Time at={d.nextAttemptAt} />
            </Text>
          )}
        </Group>
        {d.lastError && (
          <Alert color="red" p="xs" title={d.status === 'CANCELLED' ? 'Called off' : 'The last attempt failed'}>
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {d.lastError}
            </Text>
          </Alert>
        )}
        <Group gap="xs">
          {again && (
            <Action label="Deliver now" title="Deliver this reply now?" run={async () => then(refusal(await client.mutation(RetryReplyDocument, { input }).toPromise(), (x) => x.retryReply))}>
              {d.status === 'UNKNOWN' ? 'It may have been delivered before: then it is there twice. ' : ''}Its delivery{to && <> to {to}</>} is tried at once. Hooks are asked again.
            </Action>
          )}
          {d.status === 'FAILED' && (
            <Action label="Discard" title="Discard this reply?" run={async () => then(refusal(await client.mutation(DiscardReplyDocument, { input }).toPromise(), (x) => x.discardReply))}>
              It is set aside as cancelled, and needs no attention any more. What it says stays, and it can still be delivered.
            </Action>
          )}
          {d.status === 'PENDING' && (
            <Action label="Pause" title="Pause this reply?" run={async () => then(refusal(await client.mutation(PauseReplyDocument, { input }).toPromise(), (x) => x.pauseReply))}>
              It is not delivered until somebody resumes it, and those behind it in its session wait with it. An attempt that is under way goes on.
            </Action>
          )}
          {d.status === 'PAUSED' && (
            <Action label="Resume" title="Resume this reply?" run={async () => then(refusal(await client.mutation(ResumeReplyDocument, { input }).toPromise(), (x) => x.resumeReply))}>
              It is delivered{to && <> to {to}</>}, and those behind it after it.
            </Action>
          )}
          {(d.status === 'PENDING' || d.status === 'PAUSED') && (
            <Action label="Cancel reply" danger title="Cancel this reply?" run={async () => then(refusal(await client.mutation(CancelReplyDocument, { input }).toPromise(), (x) => x.cancelReply))}>
              {to ?? 'Its chat'} never gets it, and its agent is told that it failed. What it says stays and can be read.
            </Action>
          )}
        </Group>
        <Marks sessionId={sessionId} marks={reply.operations} />
        {reply.hookRuns && <HookRuns runs={reply.hookRuns} />}
        <DryRun label="Try today’s hooks on it" input={{ point: 'ON_REPLY', sessionId, messageId: reply.replyId }} />
      </Stack>
    </Paper>
  )
}
