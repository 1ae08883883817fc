import { Client, cacheExchange, fetchExchange, mapExchange } from 'urql'
import { inTurn } from './inturn'
import { consoleKey, forget } from './signin'

/** client sends queries and mutations; what happens comes by live.ts. */
export const client = new Client({
  url: '/graphql',
  preferGetMethod: false,
  fetchOptions: () => ({ headers: { 'X-Console-Key': consoleKey() }, credentials: 'same-origin' }),
  exchanges: [
    mapExchange({
      onError(error) {
        const response = error.response as Response | undefined
        if (response?.status === 401) forget()
      },
    }),
    cacheExchange,
    inTurn,
    fetchExchange,
  ],
})
