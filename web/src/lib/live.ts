import { stringifyDocument } from '@urql/core'
import { createClient } from 'graphql-ws'
import { useEffect, useEffectEvent, useRef, useSyncExternalStore } from 'react'
import { graphql } from '../gql'
import type { LiveSubscription } from '../gql/graphql'
import { consoleKey, forget, onSignIn, signedIn } from './signin'

// What happens comes over one WebSocket for the whole console. Each event has a
// cursor, so that after a lost connection nothing is missed and nothing is seen
// twice.
const Live = graphql(`
  subscription Live($after: String) {
    events(after: $after) {
      cursor
      type
      at
      sessionId
      messageId
      replyId
      hookName
      operationId
    }
  }
`)

export type LiveEvent = LiveSubscription['events']
export type Connection = 'connecting' | 'connected' | 'lost'

const forbidden = 4403
const pingMs = 5000
/** A connection on which nothing answers for so long is given up: networks drop some without a word. */
const patienceMs = 5000
const firstWait = 250
const longestWait = 5000
/** Screens that read again on an event do so at most this often. */
const refreshMs = 200

let connection: Connection = 'connecting'
let cursor: string | null = null
const connectionWatchers = new Set<() => void>()
const listeners = new Set<(e: LiveEvent) => void>()

const socket = createClient({
  url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
  connectionParams: () => ({ consoleKey: consoleKey() }),
  lazyCloseTimeout: 1000,
  retryAttempts: 0,
  keepAlive: pingMs,
  on: {
    connecting: expectAnswer,
    connected: () => {
      answered()
      connectionIs('connected')
      // What screens have read before, or in vain, may be old: not all of it comes as events.
      tell(resync())
    },
    ping: (received) => void (received || expectAnswer()),
    pong: (received) => void (received && answered()),
    closed: answered,
  },
})

let patience: ReturnType<typeof setTimeout> | undefined
function expectAnswer() {
  clearTimeout(patience)
  patience = setTimeout(() => socket.terminate(), patienceMs)
}
function answered() {
  clearTimeout(patience)
}

function connectionIs(state: Connection) {
  if (connection === state) return
  connection = state
  for (const w of connectionWatchers) w()
}

const resync = (): LiveEvent => ({
  cursor: '',
  type: 'RESYNC_REQUIRED',
  at: new Date().toISOString(),
  sessionId: null,
  messageId: null,
  replyId: null,
  hookName: null,
  operationId: null,
})

const tell = (e: LiveEvent) => listeners.forEach((l) => l(e))

async function follow(signal: AbortSignal) {
  for (let wait = firstWait; !signal.aborted; wait = Math.min(2 * wait, longestWait)) {
    const events = socket.iterate<LiveSubscription>({ query: stringifyDocument(Live), variables: { after: cursor } })
    signal.addEventListener('abort', () => void events.return?.(), { once: true })
    try {
      for await (const { data } of events) {
        if (!data) continue
        wait = firstWait
        cursor = data.events.cursor
        tell(data.events)
      }
    } catch (e) {
      if (e instanceof CloseEvent && e.code === forbidden) {
        forget()
        return
      }
    }
    if (signal.aborted) return
    connectionIs('lost')
    await new Promise((go) => setTimeout(go, wait))
  }
}

let following: AbortController | null = null
function followWhileSignedIn() {
  if (signedIn() === (following !== null)) return
  following?.abort()
  following = null
  cursor = null
  connectionIs('connecting')
  if (signedIn()) void follow((following = new AbortController()).signal)
}
onSignIn(followWhileSignedIn)
followWhileSignedIn()

export function useConnection() {
  return useSyncExternalStore(
    (watcher) => {
      connectionWatchers.add(watcher)
      return () => void connectionWatchers.delete(watcher)
    },
    () => connection,
  )
}

/** useEvents calls listener for each event while the component is shown. */
export function useEvents(listener: (e: LiveEvent) => void) {
  const heard = useEffectEvent(listener)
  useEffect(() => {
    const l = (e: LiveEvent) => heard(e)
    listeners.add(l)
    return () => void listeners.delete(l)
  }, [])
}

/** useRefresh reads again soon after an event that concerns the screen, once in so many milliseconds. */
export function useRefresh(concerns: (e: LiveEvent) => boolean, read: () => void, everyMs = refreshMs) {
  const readNow = useEffectEvent(read)
  const isConcerned = useEffectEvent(concerns)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const l = (e: LiveEvent) => {
      if (e.type !== 'RESYNC_REQUIRED' && !isConcerned(e)) return
      timer ??= setTimeout(() => {
        timer = undefined
        readNow()
      }, everyMs)
    }
    listeners.add(l)
    return () => {
      listeners.delete(l)
      clearTimeout(timer)
    }
  }, [everyMs])
}

/** What the index answers follows events by a second or more, and costs more to ask for. */
const indexedRefreshMs = 1000

/** useIndexedRefresh is useRefresh for what the index answers: it reads again until the index has followed the last event. */
export function useIndexedRefresh(concerns: (e: LiveEvent) => boolean, read: () => void, index: { indexedUntil: string; behind: number } | null | undefined) {
  const last = useRef(0)
  useEvents((e) => {
    if (concerns(e)) last.current = Math.max(last.current, Date.parse(e.at))
  })
  useRefresh(concerns, read, indexedRefreshMs)
  const readAgain = useEffectEvent(read)
  useEffect(() => {
    if (!index || (index.behind === 0 && Date.parse(index.indexedUntil) > last.current)) return
    const timer = setTimeout(() => readAgain(), indexedRefreshMs)
    return () => clearTimeout(timer)
  }, [index])
}
