import { Client, cacheExchange, fetchExchange, mapExchange, subscriptionExchange } from 'urql'
import { createClient as createSocket } from 'graphql-ws'
import { consoleKey, forget } from './signin'

const socketURL = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`

export type Connection = 'connecting' | 'connected' | 'lost'
let connection: Connection = 'connecting'
const watchers = new Set<() => void>()

export const connectionState = () => connection
export function onConnection(watcher: () => void) {
  watchers.add(watcher)
  return () => void watchers.delete(watcher)
}
function connectionIs(state: Connection) {
  connection = state
  for (const w of watchers) w()
}

const socket = createSocket({
  url: socketURL,
  connectionParams: () => ({ consoleKey: consoleKey() }),
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: (tries) => new Promise((go) => setTimeout(go, Math.min(250 * 2 ** tries, 5000))),
  keepAlive: 10_000,
  on: {
    connected: () => connectionIs('connected'),
    closed: (event) => {
      if ((event as CloseEvent).code === 4403) forget()
      else connectionIs('lost')
    },
  },
})

export const client = new Client({
  url: '/graphql',
  preferGetMethod: false,
  fetchOptions: () => ({ headers: { 'X-Console-Key': consoleKey() }, credentials: 'same-origin' }),
  exchanges: [
    mapExchange({
      onError(error) {
        if (error.response?.status === 401) forget()
      },
    }),
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: (request) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ ...request, query: request.query ?? '' }, sink) }),
      }),
    }),
  ],
})
