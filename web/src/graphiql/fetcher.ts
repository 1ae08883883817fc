import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit'
import { type DocumentNode, parse } from 'graphql'
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

const send = createGraphiQLFetcher({
  url: '/graphql',
  fetch: signedInFetch,
  wsClient: createClient({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
    connectionParams: () => ({ consoleKey: consoleKey() }),
  }),
})

/**
 * fetcher goes by the text that is sent. What GraphiQL knows of the operations in it is as old as the last pause in
 * typing: run at once after another tab was chosen, a subscription would be sent as a query of the tab before.
 */
export const fetcher: Fetcher = (params, options) => {
  let documentAST: DocumentNode
  try {
    documentAST = parse(params.query)
  } catch {
    return send(params, options) // The engine says what is wrong with it, and where.
  }
  const names = documentAST.definitions.flatMap((d) => (d.kind === 'OperationDefinition' ? (d.name?.value ?? null) : []))
  const operationName = names.includes(params.operationName ?? null) || names.length !== 1 ? params.operationName : names[0]
  return send({ ...params, operationName }, { ...options, documentAST })
}
