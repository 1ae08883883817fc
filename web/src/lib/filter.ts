import { useSearchParams } from 'wouter'

/** useFilter keeps a screen's filter in the address, so that it can be shared. */
export function useFilter<K extends string>(...keys: K[]) {
  const [params, setParams] = useSearchParams()
  const filter = Object.fromEntries(keys.map((k) => [k, params.get(k) ?? ''])) as Record<K, string>
  const set = (changes: Partial<Record<K, string>>) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old)
        for (const [k, v] of Object.entries<string | undefined>(changes)) {
          if (v) next.set(k, v)
          else next.delete(k)
        }
        return next
      },
      { replace: true },
    )
  return [filter, set] as const
}
