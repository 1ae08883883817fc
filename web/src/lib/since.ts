import { useMemo } from 'react'
import { ages } from './mail'
import { useNow } from './clock'

const step = 60_000

/** useSince is the instant from which an age counts, by the minute; null is any. */
export function useSince(age: string) {
  const ms = ages[age]?.ms ?? null
  const minute = Math.floor(useNow() / step) * step
  return useMemo(() => (ms === null ? null : new Date(minute - ms).toISOString()), [ms, minute])
}
