import { useCallback, useEffect, useRef, useState } from 'react'
import { useClient, type CombinedError } from 'urql'
import { graphql } from '../gql'
import type { SessionFilter, SessionsQuery } from '../gql/graphql'
import { useRefresh } from './live'
import { useSerial } from './serial'

const SessionsDocument = graphql(`
  query Sessions($after: String, $filter: SessionFilter) {
    sessions(first: 50, after: $after, filter: $filter) {
      nodes {
        id
        agentGroup {
          id
          name
        }
        messagingGroup {
          name
          channelType
        }
        threadId
        status
        containerStatus
        lastActive
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`)

type Page = SessionsQuery['sessions']
type Found = { key: string; rows: Page['nodes']; hasMore: boolean }

/** useSessions is the sessions that a filter selects, live, a page more with each call of more. */
export function useSessions(filter: SessionFilter) {
  const client = useClient()
  const key = JSON.stringify(filter)
  const [found, setFound] = useState((): Found | null => {
    const before = client.readQuery(SessionsDocument, { filter: JSON.parse(key) as SessionFilter, after: null })?.data?.sessions
    return before ? { key, rows: before.nodes, hasMore: before.pageInfo.hasNextPage } : null
  })
  const [error, setError] = useState<CombinedError | null>(null)
  const pages = useRef(1)
  // All of them each time: between pages of different times, rows could be missing.
  const readPages = useCallback(async () => {
    const rows: Page['nodes'] = []
    let end = null as Page['pageInfo'] | null
    for (let n = 0; n < pages.current && end?.hasNextPage !== false; n++) {
      const r = await client.query(SessionsDocument, { filter: JSON.parse(key) as SessionFilter, after: end?.endCursor ?? null }, { requestPolicy: 'network-only' }).toPromise()
      setError(r.error ?? null)
      if (!r.data) return
      rows.push(...r.data.sessions.nodes)
      end = r.data.sessions.pageInfo
    }
    setFound({ key, rows, hasMore: end?.hasNextPage ?? false })
  }, [client, key])
  const read = useSerial(readPages)
  useEffect(() => {
    pages.current = 1
    void read()
  }, [read, readPages])
  useRefresh((e) => e.type.startsWith('SESSION_') || e.type === 'CONTAINER_STUCK', () => void read())
  const more = () => {
    pages.current++
    void read()
  }
  const here = found?.key === key ? found : null
  return { rows: here?.rows ?? [], loading: here === null && error === null, hasMore: here?.hasMore ?? false, error, more, read }
}
