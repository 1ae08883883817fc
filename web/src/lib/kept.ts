import { useCallback, useState } from 'react'

// What screens showed, by the entry of the history that they were: who comes
// back finds it so.
const kept = new Map<string, unknown>()
const mostKept = 10
let entries = 0

const entry = () => (history.state as { kept?: string } | null)?.kept

/** useKept is what was kept when this entry of the history was shown last, and what keeps for the next time. */
export function useKept<T>() {
  const [path] = useState(location.pathname)
  const [id] = useState(() => entry() ?? `${performance.timeOrigin} ${++entries}`)
  const [before] = useState(() => kept.get(id) as T | undefined)
  const keep = useCallback(
    (value: T) => {
      // The user may be on the way to another screen.
      if (location.pathname !== path) return
      if (entry() !== id) history.replaceState({ kept: id }, '')
      kept.delete(id)
      kept.set(id, value)
      for (const old of kept.keys()) {
        if (kept.size <= mostKept) break
        kept.delete(old)
      }
    },
    [path, id],
  )
  return [before, keep] as const
}
