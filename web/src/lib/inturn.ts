import type { Exchange, Operation } from 'urql'
import { filter, makeSubject, merge, onPush, pipe } from 'wonka'

/**
 * inTurn sends a query again only after its answer, and then once, however often it was asked for meanwhile: of two
 * that are under way the older one's answer might come last, and be shown until something else happens.
 */
export const inTurn: Exchange =
  ({ forward }) =>
  (operations) => {
    /** Queries that are under way, by their keys; with the one that is to follow, if any. */
    const underWay = new Map<number, Operation | null>()
    const followers = makeSubject<Operation>()
    const first = pipe(
      operations,
      filter((o) => {
        if (o.kind === 'teardown') underWay.delete(o.key)
        if (o.kind !== 'query') return true
        const isFirst = !underWay.has(o.key)
        underWay.set(o.key, isFirst ? null : o)
        return isFirst
      }),
    )
    return pipe(
      forward(merge([first, followers.source])),
      onPush(({ operation: { kind, key } }) => {
        if (kind !== 'query') return
        const follower = underWay.get(key)
        if (!follower) {
          underWay.delete(key)
          return
        }
        underWay.set(key, null)
        // Once the answer was told.
        queueMicrotask(() => underWay.has(key) && followers.next(follower))
      }),
    )
  }
