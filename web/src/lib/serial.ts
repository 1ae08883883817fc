import { useCallback, useEffect, useRef } from 'react'

/** useSerial does one at a time; what is asked for meanwhile, however often, is done once after it. */
export function useSerial(does: () => Promise<void>) {
  const latest = useRef(does)
  useEffect(() => {
    latest.current = does
  }, [does])
  const state = useRef({ busy: false, asked: false })
  return useCallback(async () => {
    const s = state.current
    s.asked = true
    if (s.busy) return
    s.busy = true
    while (s.asked) {
      s.asked = false
      await latest.current()
    }
    s.busy = false
  }, [])
}
