import { createGraphiQLFetcher } from '@graphiql/toolkit'
import { createClient } from 'graphql-ws'
import { consoleKey } from '../lib/signin'

export const fetcher = createGraphiQLFetcher({
  url: '/graphql',
  headers: { 'X-Console-Key': consoleKey() },
  wsClient: createClient({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
    connectionParams: () => ({ consoleKey: consoleKey() }),
  }),
})
