import { useCallback, useEffect, useRef, useState } from 'react'
import { useClient, type CombinedError } from 'urql'
import { graphql } from '../gql'
import type { AnswerFragment, AnswersQuery, StoryQuery } from '../gql/graphql'
import { useRefresh } from './live'

const StoryDocument = graphql(`
  query Story($sessionId: ID!, $messageId: String!) {
    message(sessionId: $sessionId, messageId: $messageId) {
      id
      messageId
      seq
      kind
      timestamp
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
const AnswersDocument = graphql(`
  query Answers($sessionId: ID!, $before: String) {
    session(id: $sessionId) {
      id
      replies(last: 100, before: $before) {
        nodes {
          ...Answer
        }
        pageInfo {
          hasPreviousPage
          startCursor
        }
      }
    }
  }
`)

export type StoryMessage = NonNullable<StoryQuery['message']>
export type Answer = AnswerFragment

/** So many pages of a session's newest replies are looked through for a message's. */
const mostPages = 10

/**
 * useStory is a message and the replies to it, live. The API has no list of a
 * message's replies: the session's are read from the newest, back to the
 * message's own time; complete is false when that was too far.
 */
export function useStory(sessionId: string, messageId: string) {
  const client = useClient()
  const [message, setMessage] = useState<StoryMessage | null | undefined>(undefined)
  const [answers, setAnswers] = useState<{ replies: Answer[]; complete: boolean } | null>(null)
  const [error, setError] = useState<CombinedError | null>(null)
  const reading = useRef(0)
  const read = useCallback(async () => {
    const mine = ++reading.current
    const fresh = { requestPolicy: 'network-only' } as const
    const r = await client.query(StoryDocument, { sessionId, messageId }, fresh).toPromise()
    if (mine !== reading.current) return
    setError(r.error ?? null)
    if (!r.data) return
    setMessage(r.data.message)
    const seq = r.data.message?.seq
    const replies: Answer[] = []
    let before: string | null = null
    let complete = false
    for (let page = 0; page < mostPages && !complete; page++) {
      const a: { data?: AnswersQuery } = await client.query(AnswersDocument, { sessionId, before }, fresh).toPromise()
      if (mine !== reading.current) return
      const list = a.data?.session?.replies
      if (!list) break
      replies.unshift(...list.nodes.filter((p) => p.inReplyTo === messageId))
      before = list.pageInfo.startCursor
      const oldest = list.nodes[0]?.seq
      complete = !list.pageInfo.hasPreviousPage || (typeof seq === 'number' && typeof oldest === 'number' && oldest < seq)
    }
    setAnswers({ replies, complete })
  }, [client, sessionId, messageId])
  useEffect(() => void read(), [read])
  useRefresh((e) => e.sessionId === sessionId, () => void read())
  return { message, answers, error, read }
}
