import { useCallback, useEffect, useRef, useState } from 'react'
import { useClient, type CombinedError } from 'urql'
import { graphql } from '../gql'
import type { SearchFilter, SearchQuery } from '../gql/graphql'
import { useIndexedRefresh } from './live'

export const SearchDocument = graphql(`
  query Search($filter: SearchFilter, $first: Int!, $after: String) {
    search(filter: $filter, first: $first, after: $after) {
      nodes {
        id
        direction
        sessionId
        agentGroupId
        messageId
        replyId
        kind
        channelType
        at
        messageStatus
        deliveryStatus
        snippet
      }
      pageInfo {
        hasNextPage
        endCursor
      }
      index {
        indexedUntil
        behind
        building
      }
    }
  }
`)

type Page = SearchQuery['search']
export type Hit = Page['nodes'][number]

const pageSize = 50
const fresh = { requestPolicy: 'network-only' } as const

export type Found = { key: string; hits: Hit[]; more: boolean; after: string | null; index: Page['index'] | null }
const nothing: Found = { key: '', hits: [], more: false, after: null, index: null }

/**
 * useSearch is what a filter selects, newest first. Its top is live; what is
 * further down than a page is as it was when it was read. No filter selects nothing.
 * before is what it was when the user was here before.
 */
export function useSearch(filter: SearchFilter | null, before?: Found) {
  const client = useClient()
  const key = JSON.stringify(filter)
  const [found, setFound] = useState((): Found => (before ? { ...before, key } : nothing))
  const [error, setError] = useState<CombinedError | null>(null)
  const turn = useRef(0)
  const busy = useRef(false)

  const read = useCallback(async () => {
    if (key === 'null') return
    const mine = ++turn.current
    const r = await client.query(SearchDocument, { filter: JSON.parse(key) as SearchFilter, first: pageSize, after: null }, fresh).toPromise()
    if (mine !== turn.current) return
    setError(r.error ?? null)
    if (r.data) setFound((old) => atTop(old.key === key ? old : { ...nothing, key }, r.data!.search))
  }, [client, key])
  useEffect(() => void read(), [read])
  useIndexedRefresh((e) => e.messageId !== null || e.replyId !== null || e.type.startsWith('SESSION_'), () => void read(), found.index)

  const more = useCallback(async () => {
    if (busy.current || !found.more || found.key !== key) return
    busy.current = true
    const r = await client.query(SearchDocument, { filter: JSON.parse(key) as SearchFilter, first: 100, after: found.after }, fresh).toPromise()
    busy.current = false
    if (!r.data) return
    const { nodes, pageInfo, index } = r.data.search
    setFound((old) => (old.key === key && old.after === found.after ? { key, hits: [...old.hits, ...nodes], more: pageInfo.hasNextPage, after: pageInfo.endCursor, index } : old))
  }, [client, key, found])
  const here = found.key === key
  return { hits: here ? found.hits : [], loading: !here && error === null && filter !== null, hasMore: here && found.more, index: found.index, error, more, read, found }
}

/** atTop puts the first page before what was read behind it. */
function atTop(old: Found, page: Page): Found {
  const last = page.nodes.at(-1)
  const at = last && page.pageInfo.hasNextPage ? old.hits.findIndex((h) => h.id === last.id) : -1
  if (at < 0 || at === old.hits.length - 1) return { key: old.key, hits: page.nodes, more: page.pageInfo.hasNextPage, after: page.pageInfo.endCursor, index: page.index }
  return { ...old, hits: [...page.nodes, ...old.hits.slice(at + 1)], index: page.index }
}
