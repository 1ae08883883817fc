import { createGraphiQLFetcher } from '@graphiql/toolkit'
import { createClient } from 'graphql-ws'
import { consoleKey, forget, signInFirst } from '../lib/signin'

/** signedInFetch leads to the sign-in when there is none any more. */
const signedInFetch: typeof fetch = async (input, init) => {
  const headers = new Headers(init?.headers)
  headers.set('X-Console-Key', consoleKey())
  const r = await fetch(input, { ...init, headers })
  if (r.status === 401) {
    forget()
    signInFirst()
  }
  return r
}

export const fetcher = createGraphiQLFetcher({
  url: '/graphql',
  fetch: signedInFetch,
  wsClient: createClient({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
    connectionParams: () => ({ consoleKey: consoleKey() }),
  }),
})
