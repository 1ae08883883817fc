import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useClient, type CombinedError } from 'urql'
import { graphql } from '../gql'
import type { MailboxQuery } from '../gql/graphql'
import { useRefresh } from './live'
import { useSerial } from './serial'

const MailboxDocument = graphql(`
  query Mailbox($id: ID!, $messagesBefore: String, $repliesBefore: String, $messages: Int!, $replies: Int!) {
    session(id: $id) {
      id
      messages(last: $messages, before: $messagesBefore) {
        edges {
          cursor
          node {
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
            channelType
            processAfter
            recurrence
            tries
            trigger
            problem
          }
        }
        pageInfo {
          hasPreviousPage
        }
      }
      replies(last: $replies, before: $repliesBefore) {
        edges {
          cursor
          node {
            id
            replyId
            seq
            kind
            timestamp
            inReplyTo
            contentText
            attachments {
              name
              mimeType
              size
              url
            }
            channelType
            problem
            delivery {
              status
              attempts
              nextAttemptAt
              lastError
              settledAt
              platformMessageId
            }
          }
        }
        pageInfo {
          hasPreviousPage
        }
      }
    }
  }
`)

type Session = NonNullable<MailboxQuery['session']>
type Side<K extends 'messages' | 'replies'> = Half<Session[K]['edges'][number]>
export type MailboxMessage = Session['messages']['edges'][number]['node']
export type MailboxReply = Session['replies']['edges'][number]['node']
export type MailboxEntry = { key: string; at: number; message?: MailboxMessage; reply?: MailboxReply }

const pageSize = 50
/** So many pages are read at most to catch up with what came. */
const mostBehind = 50

/**
 * useMailbox is the newest part of a session's mailbox in both directions, in
 * order, live. more() adds an older page of the side that reaches less far
 * back; only what both sides reach is shown, so nothing appears in between.
 */
export function useMailbox(id: string) {
  const client = useClient()
  const [messages, setMessages] = useState<Side<'messages'> | null>(null)
  const [replies, setReplies] = useState<Side<'replies'> | null>(null)
  const [error, setError] = useState<CombinedError | null>(null)
  const [missing, setMissing] = useState(false)
  const busy = useRef(false)

  const read = useCallback(
    async (older: { messagesBefore?: string | null; repliesBefore?: string | null; messages: number; replies: number }) => {
      const r = await client.query(MailboxDocument, { id, messagesBefore: null, repliesBefore: null, ...older }, { requestPolicy: 'network-only' }).toPromise()
      setError(r.error ?? null)
      if (r.data) setMissing(r.data.session === null)
      return r.data?.session ?? null
    },
    [client, id],
  )
  const held = useRef({ messages, replies })
  useEffect(() => {
    held.current = { messages, replies }
  })
  const readEnd = useCallback(async () => {
    const s = await read({ messages: pageSize, replies: pageSize })
    if (!s) return
    let [m, p] = [half(s.messages), half(s.replies)]
    // More came than a page has: it is read back to what is shown, which is to stay where it is.
    for (let n = 0; n < mostBehind; n++) {
      const [behind, repliesBehind] = [gap(held.current.messages, m), gap(held.current.replies, p)]
      if (!behind && !repliesBehind) break
      const older = await read({ messagesBefore: m.edges[0]?.cursor ?? null, repliesBefore: p.edges[0]?.cursor ?? null, messages: behind ? 100 : 1, replies: repliesBehind ? 100 : 1 })
      if (!older) return
      if (behind) m = longer(m, older.messages)
      if (repliesBehind) p = longer(p, older.replies)
    }
    setMessages((old) => newest(old, m))
    setReplies((old) => newest(old, p))
  }, [read])
  const refresh = useSerial(readEnd)
  useEffect(() => void refresh(), [refresh, readEnd])
  useRefresh((e) => e.sessionId === id, () => void refresh())

  const sent = useMemo(() => timed(messages?.edges ?? []), [messages])
  const answered = useMemo(() => timed(replies?.edges ?? []), [replies])
  const oldestMessage = messages?.hasPrevious ? (sent[0]?.at ?? Infinity) : -Infinity
  const oldestReply = replies?.hasPrevious ? (answered[0]?.at ?? Infinity) : -Infinity
  const from = Math.max(oldestMessage, oldestReply)
  const hasMore = from > -Infinity
  const more = useCallback(async () => {
    if (busy.current || !hasMore || !messages || !replies) return
    busy.current = true
    const [m, p] = [oldestMessage >= oldestReply && messages.hasPrevious, oldestReply >= oldestMessage && replies.hasPrevious]
    const s = await read({
      messagesBefore: messages.edges[0]?.cursor ?? null,
      repliesBefore: replies.edges[0]?.cursor ?? null,
      messages: m ? 100 : 1,
      replies: p ? 100 : 1,
    })
    if (s && m) setMessages((old) => old && longer(old, s.messages))
    if (s && p) setReplies((old) => old && longer(old, s.replies))
    busy.current = false
  }, [hasMore, messages, replies, oldestMessage, oldestReply, read])

  const entries = useMemo(
    (): MailboxEntry[] =>
      [...sent.map(({ node, at }) => ({ key: node.id, at, message: node })), ...answered.map(({ node, at }) => ({ key: node.id, at, reply: node }))].filter((e) => e.at >= from).sort((a, b) => a.at - b.at),
    [sent, answered, from],
  )
  return { entries, loading: messages === null && error === null && !missing, missing, error, hasMore, more, refresh }
}

type Edge = { node: { id: string; timestamp: string | null } }

/**
 * timed gives each entry its place in time. Each side is in the order of its
 * seqs, which is kept whatever a container writes as a time; between the sides,
 * only times tell which came first.
 */
function timed<E extends Edge>(edges: E[]): { node: E['node']; at: number }[] {
  let at = 0
  return edges.map(({ node }) => {
    const t = Date.parse(node.timestamp ?? '')
    at = Math.max(at, Number.isNaN(t) ? 0 : Math.min(t, Date.now()))
    return { node, at }
  })
}

type Half<E> = { edges: E[]; hasPrevious: boolean }
type Page<E> = { edges: E[]; pageInfo: { hasPreviousPage: boolean } }
const half = <E extends Edge>(page: Page<E>): Half<E> => ({ edges: page.edges, hasPrevious: page.pageInfo.hasPreviousPage })

/** gap tells whether something is missing between what was read before and a newly read end. */
function gap<E extends Edge>(old: Half<E> | null, end: Half<E>) {
  const last = old?.edges.at(-1)
  return last !== undefined && end.hasPrevious && !end.edges.some((e) => e.node.id === last.node.id)
}

/** longer puts an older page before an end. */
const longer = <E extends Edge>(end: Half<E>, page: Page<E>): Half<E> => ({ ...half(page), edges: [...page.edges, ...end.edges] })

/** newest puts a newly read end behind what was read before, which it overlaps or else replaces. */
function newest<E extends Edge>(old: Half<E> | null, end: Half<E>): Half<E> {
  const first = end.edges[0]
  const at = old && first ? old.edges.findIndex((e) => e.node.id === first.node.id) : -1
  return !old || at < 0 ? end : { edges: [...old.edges.slice(0, at), ...end.edges], hasPrevious: old.hasPrevious }
}
