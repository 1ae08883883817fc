import { useQuery } from 'urql'
import { graphql } from '../gql'
import type { AnswerFragment, StoryQuery } from '../gql/graphql'
import { useRefresh } from './live'

const StoryDocument = graphql(`
  query Story($sessionId: ID!, $messageId: String!) {
    message(sessionId: $sessionId, messageId: $messageId) {
      id
      messageId
      seq
      kind
      timestamp
      receivedAt
      writtenAt
      hookRuns {
        ...HookRun
      }
      status
      contentText
      attachments {
        name
        mimeType
        size
        url
      }
      platformId
      channelType
      threadId
      processAfter
      recurrence
      timeZone
      seriesId
      tries
      claimedAt
      acknowledgedAt
      retriedAs
      operations {
        ...Mark
      }
      trigger
      onWake
      sourceSessionId
      problem
      session {
        id
        status
        containerStatus
        heartbeat
        agentGroup {
          id
          name
        }
      }
      replies(first: 100) {
        nodes {
          ...Answer
        }
        pageInfo {
          hasNextPage
        }
      }
    }
  }
`)
graphql(`
  fragment Answer on Reply {
    id
    replyId
    seq
    kind
    timestamp
    inReplyTo
    contentText
    channelType
    platformId
    problem
    hookRuns {
      ...HookRun
    }
    operations {
      ...Mark
    }
    attachments {
      name
      mimeType
      size
      url
    }
    delivery {
      status
      platformMessageId
      settledAt
      attempts
      nextAttemptAt
      lastError
    }
  }
`)
export type StoryMessage = NonNullable<StoryQuery['message']>
export type Answer = AnswerFragment

/** useStory is a message with the replies to it, live. */
export function useStory(sessionId: string, messageId: string) {
  const [r, query] = useQuery({ query: StoryDocument, variables: { sessionId, messageId }, requestPolicy: 'network-only' })
  const read = () => query({ requestPolicy: 'network-only' })
  useRefresh((e) => e.sessionId === sessionId, read)
  return { message: r.data?.message, error: r.error, read }
}
