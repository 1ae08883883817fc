import { Anchor, Stack, Text, Title } from '@mantine/core'
import { IconArrowLeft } from '@tabler/icons-react'
import { useQuery } from 'urql'
import { Link } from 'wouter'
import { Answer } from '../components/answer'
import { Empty } from '../components/empty'
import { Name } from '../components/name'
import { Problem } from '../components/problem'
import { Waiting } from '../components/waiting'
import { graphql } from '../gql'
import { useRefresh } from '../lib/live'
import { messagePath, sessionPath } from '../lib/places'

const ReplyDocument = graphql(`
  query Reply($sessionId: ID!, $replyId: String!) {
    reply(sessionId: $sessionId, replyId: $replyId) {
      ...Answer
    }
  }
`)

export default function Reply({ sessionId, replyId }: { sessionId: string; replyId: string }) {
  const [r, query] = useQuery({ query: ReplyDocument, variables: { sessionId, replyId }, requestPolicy: 'cache-and-network' })
  const read = () => query({ requestPolicy: 'network-only' })
  useRefresh((e) => e.sessionId === sessionId, read)
  const back = (
    <Anchor component={Link} href={sessionPath(sessionId)} size="sm" style={{ overflowWrap: 'anywhere' }}>
      <IconArrowLeft size={14} aria-hidden /> Session <Name of={sessionId} />
    </Anchor>
  )
  const reply = r.data?.reply
  if (r.error && !reply) return <Problem error={r.error} retry={read} />
  if (r.data && !reply) return <Empty title="There is no such reply">{back}</Empty>
  if (!reply) return <Waiting />
  return (
    <Stack gap="md" maw={960}>
      <div>
        {back}
        <Title order={1} size="h4" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
          <Name of={reply.replyId} />
        </Title>
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {reply.inReplyTo ? (
            <>
              It answers{' '}
              <Anchor component={Link} href={messagePath(sessionId, reply.inReplyTo)}>
                <Name of={reply.inReplyTo} />
              </Anchor>
            </>
          ) : (
            'It says of no message that it answers it.'
          )}
        </Text>
      </div>
      {r.error && <Problem error={r.error} retry={read} />}
      <Answer sessionId={sessionId} reply={reply} done={read} />
    </Stack>
  )
}
