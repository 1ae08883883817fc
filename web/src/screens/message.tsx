import { Alert, Anchor, Group, Stack, Text, Timeline, Title } from '@mantine/core'
import { IconArrowLeft, IconCheck, IconInbox, IconMessageReply, IconRobot, IconSend, IconTestPipe } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { Answer } from '../components/answer'
import { Attachment } from '../components/attachment'
import { DryRun } from '../components/dryrun'
import { Empty } from '../components/empty'
import { HookRuns } from '../components/hookruns'
import { Marks } from '../components/marks'
import { MessageActions } from '../components/messageactions'
import { Name, Names } from '../components/name'
import { Problem } from '../components/problem'
import { Says } from '../components/says'
import { Status } from '../components/status'
import { Time } from '../components/time'
import { Waiting } from '../components/waiting'
import { messagePath, sessionPath } from '../lib/places'
import { useStory, type StoryMessage } from '../lib/story'

/** How far a message got along its way, as the number of the last step that is done. */
const reached: Record<StoryMessage['status'], number> = { PENDING: 2, PAUSED: 2, CANCELLED: 2, UNKNOWN: 2, PROCESSING: 3, COMPLETED: 4, FAILED: 4 }

export default function Message({ sessionId, messageId }: { sessionId: string; messageId: string }) {
  const { message: m, error, read } = useStory(sessionId, messageId)
  const back = (
    <Anchor component={Link} href={sessionPath(sessionId)} size="sm" style={{ overflowWrap: 'anywhere' }}>
      <IconArrowLeft size={14} aria-hidden /> Session <Name of={sessionId} />
    </Anchor>
  )
  if (error && !m) return <Problem error={error} retry={read} />
  if (m === null)
    return <Empty title="There is no such message">{back}</Empty>
  if (!m) return <Waiting />
  const replies = m.replies.nodes
  const target = [m.channelType, m.platformId, m.threadId]
  return (
    <Stack gap="md" maw={960}>
      <div>
        {back}
        <Title order={1} size="h4" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
          <Name of={m.messageId} />
        </Title>
        <Group gap="xs" mt={4} justify="space-between">
          <Group gap="xs">
            <Status of={m.status} />
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              <Names of={[m.kind, m.seq === null ? null : `seq ${m.seq}`, m.session.agentGroup.name]} />
            </Text>
          </Group>
          <MessageActions message={m} done={read} />
        </Group>
      </div>
      {error && <Problem error={error} retry={read} />}
      {m.problem && (
        <Alert color="red" title="What is wrong with it">
          {m.problem}
        </Alert>
      )}
      <Timeline active={replies.length > 0 ? 5 : reached[m.status]} bulletSize={28} lineWidth={2}>
        <Step title="Received" icon={<IconSend size={14} />}>
          <Text size="sm" c="dimmed">
            {m.receivedAt === null ? (
              <Time at={m.timestamp} />
            ) : (
              <>
                <Time at={m.receivedAt} />
                {m.timestamp !== null && Math.abs(Date.parse(m.timestamp) - Date.parse(m.receivedAt)) >= 1000 && (
                  <>
                    , sent <Time at={m.timestamp} />
                  </>
                )}
              </>
            )}
            {m.sourceSessionId && (
              <>
                {' '}
                from an agent in <Anchor component={Link} href={sessionPath(m.sourceSessionId)}><Name of={m.sourceSessionId} /></Anchor>
              </>
            )}
          </Text>
          <Says content={m.contentText} />
          {m.attachments.map((a, i) => (
            <Attachment key={i} file={a} />
          ))}
        </Step>
        <Step title="Hooks" icon={<IconTestPipe size={14} />}>
          {m.hookRuns === null ? (
            <Text size="sm" c="dimmed">
              No hook saw it, or it is not known any more what they did: that is kept for 30 days.
            </Text>
          ) : (
            <HookRuns runs={m.hookRuns} />
          )}
          <Text size="sm" c="dimmed">
            What is shown above is what they made of it. What today’s hooks would do with that can be tried; nothing is changed.
          </Text>
          <DryRun label="Try today’s hooks on it" input={{ point: 'ON_MESSAGE', sessionId, messageId: m.messageId }} />
          {m.attachments.length > 0 && <DryRun label="Try today’s hooks on its attachments" input={{ point: 'ON_ATTACHMENT', sessionId, messageId: m.messageId }} />}
        </Step>
        <Step title="Written" icon={<IconInbox size={14} />}>
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {m.writtenAt && (
              <>
                On disk <Time at={m.writtenAt} />.{' '}
              </>
            )}
            {target.some(Boolean) ? (
              <>
                The answer goes to <Names of={target} />.
              </>
            ) : (
              'The answer goes nowhere.'
            )}
            {!m.trigger && ' It is context: it does not wake the container.'}
            {m.onWake && ' Only a container that has just started sees it.'}
          </Text>
          {m.processAfter && (
            <Text size="sm" c="dimmed">
              Due <Time at={m.processAfter} />
            </Text>
          )}
          {m.recurrence && (
            <Text size="sm" c="dimmed">
              Comes again by <Text span ff="monospace" inherit>{m.recurrence}</Text> in {m.timeZone ?? 'UTC'}
            </Text>
          )}
          <Marks sessionId={sessionId} marks={m.operations} />
          {m.seriesId && m.seriesId !== m.messageId && (
            <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
              Of the series of <Name of={m.seriesId} />
            </Text>
          )}
        </Step>
        <Step title={m.status === 'PAUSED' ? 'Paused' : m.status === 'CANCELLED' ? 'Cancelled' : 'Claimed by the container'} icon={<IconRobot size={14} />}>
          <Text size="sm" c="dimmed">
            {claimed(m)}
            {m.claimedAt && (
              <>
                {' '}
                It took it <Time at={m.claimedAt} />.
              </>
            )}
            {m.tries > 0 && ` A container died over it ${m.tries === 1 ? 'once' : `${m.tries} times`}.`}
          </Text>
          <Group gap="xs">
            <Text size="sm" c="dimmed">
              The container is
            </Text>
            <Status of={m.session.containerStatus} />
            {m.session.heartbeat && (
              <Text size="sm" c="dimmed">
                last sign of life <Time at={m.session.heartbeat} />
              </Text>
            )}
          </Group>
        </Step>
        <Step title={m.status === 'FAILED' ? 'Failed' : 'Acknowledged'} icon={<IconCheck size={14} />}>
          <Text size="sm" c="dimmed">
            {m.status === 'COMPLETED' ? 'The container has done its work on it.' : m.status === 'FAILED' ? 'The container, or the engine after too many tries, gave up on it.' : m.status === 'CANCELLED' ? 'Nobody works on it any more.' : 'Not yet.'}{' '}
            {m.acknowledgedAt && <Time at={m.acknowledgedAt} />}
          </Text>
          {m.retriedAs && (
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              It was retried as{' '}
              <Anchor component={Link} href={messagePath(sessionId, m.retriedAs)} underline="always">
                {m.retriedAs}
              </Anchor>
            </Text>
          )}
        </Step>
        <Step title={replies.length > 1 ? `Answered by ${replies.length}${m.replies.pageInfo.hasNextPage ? ' and more' : ''} replies` : 'Answered'} icon={<IconMessageReply size={14} />}>
          {replies.length === 0 && (
            <Text size="sm" c="dimmed">
              No reply says that it answers this message.
            </Text>
          )}
          {replies.map((r) => (
            <Answer key={r.id} sessionId={sessionId} reply={r} done={read} />
          ))}
          {m.replies.pageInfo.hasNextPage && <Text size="sm">These are the first hundred; the session has the others.</Text>}
        </Step>
      </Timeline>
    </Stack>
  )
}

function claimed(m: StoryMessage) {
  switch (m.status) {
    case 'PROCESSING':
      return 'It works on it.'
    case 'PENDING':
      return 'It waits for the container.'
    case 'PAUSED':
      return 'An operator holds it back.'
    case 'CANCELLED':
      return 'An operator called it off.'
    case 'UNKNOWN':
      return 'It has a status that a foreign host wrote.'
    default:
      return 'It took it.'
  }
}

// The rest is what Timeline tells its items: how far it got.
function Step({ title, icon, children, ...told }: { title: string; icon: ReactNode; children: ReactNode }) {
  return (
    <Timeline.Item
      {...told}
      bullet={icon}
      title={
        <Title order={2} size="h5">
          {title}
        </Title>
      }
    >
      <Stack gap="xs" mt={4}>
        {children}
      </Stack>
    </Timeline.Item>
  )
}
