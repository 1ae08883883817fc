import { useRef, useState } from 'react'
import { useClient, type Client } from 'urql'
import { CancelMessageDocument, RetryMessageDocument } from '../components/messageactions'
import { RetryReplyDocument } from '../components/answer'
import type { SearchFilter, SearchQuery } from '../gql/graphql'
import { refusal } from './outcome'
import { SearchDocument, type Hit } from './search'

export type Deed = 'retry' | 'cancel'
export type Progress = { done: number; refused: { hit: Hit; why: string }[]; of: number; running: boolean; stopped: boolean }

/** So many rows are acted on at once at most. */
export const mostActedOn = 5000

/** fits tells whether a deed can be done with a row as it stands. */
export function fits(deed: Deed, h: Hit) {
  if (deed === 'cancel') return h.messageStatus === 'PENDING' || h.messageStatus === 'PAUSED'
  if (h.direction === 'OUT') return h.deliveryStatus === 'FAILED' || h.deliveryStatus === 'DROPPED' || h.deliveryStatus === 'UNKNOWN'
  return h.messageStatus === 'FAILED' || h.messageStatus === 'CANCELLED'
}

/** matching reads all rows of a filter that a deed can be done with, oldest first. */
export async function matching(client: Client, filter: SearchFilter, deed: Deed): Promise<Hit[]> {
  const hits: Hit[] = []
  let after: string | null = null
  for (;;) {
    const r: { data?: SearchQuery; error?: Error } = await client.query(SearchDocument, { filter, first: 100, after }, { requestPolicy: 'network-only' }).toPromise()
    if (!r.data) throw r.error ?? new Error('The engine cannot be reached.')
    hits.push(...r.data.search.nodes.filter((h) => fits(deed, h)))
    after = r.data.search.pageInfo.endCursor
    if (!r.data.search.pageInfo.hasNextPage || hits.length >= mostActedOn) return hits.slice(0, mostActedOn).reverse()
  }
}

async function act(client: Client, deed: Deed, h: Hit): Promise<string | null> {
  if (h.replyId !== null) return refusal(await client.mutation(RetryReplyDocument, { input: { sessionId: h.sessionId, replyId: h.replyId } }).toPromise(), (d) => d.retryReply)
  const input = { sessionId: h.sessionId, messageId: h.messageId ?? '' }
  return deed === 'cancel'
    ? refusal(await client.mutation(CancelMessageDocument, { input }).toPromise(), (d) => d.cancelMessage)
    : refusal(await client.mutation(RetryMessageDocument, { input }).toPromise(), (d) => d.retryMessage)
}

/**
 * useBulk does a deed with many rows, one after the other, oldest first, so that
 * a session's order is kept. It runs in this window: closing it stops it, and
 * what was done stays done.
 */
export function useBulk() {
  const client = useClient()
  const [progress, setProgress] = useState<Progress | null>(null)
  const stopping = useRef(false)
  const start = async (deed: Deed, hits: Hit[]) => {
    stopping.current = false
    let p: Progress = { done: 0, refused: [], of: hits.length, running: true, stopped: false }
    setProgress(p)
    for (const hit of hits) {
      if (stopping.current) break
      const why = await act(client, deed, hit)
      p = why === null ? { ...p, done: p.done + 1 } : { ...p, refused: [...p.refused, { hit, why }] }
      setProgress(p)
    }
    setProgress({ ...p, running: false, stopped: stopping.current })
  }
  return { progress, start, stop: () => void (stopping.current = true), clear: () => setProgress(null) }
}
