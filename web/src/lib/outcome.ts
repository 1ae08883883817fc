import type { OperationResult } from 'urql'

type Payload = { userErrors: { message: string }[] } | null | undefined

/** refusal is why a mutation did nothing, in words for a person; null when it worked. */
export function refusal<D>(done: OperationResult<D>, payload: (data: D) => Payload): string | null {
  if (done.error) return done.error.graphQLErrors[0]?.message ?? 'The engine cannot be reached.'
  return (done.data && payload(done.data)?.userErrors.map((e) => e.message).join('; ')) || null
}
