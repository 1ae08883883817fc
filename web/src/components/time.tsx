import { useNow } from '../lib/clock'

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
]
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'narrow' })
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

/** Time says how long ago something was, and exactly when on hover. */
export function Time({ at }: { at: string | null | undefined }) {
  const now = useNow()
  if (!at) return <span>–</span>
  const then = Date.parse(at)
  const ago = then - Math.max(now, 0)
  const [unit, ms] = units.find(([, ms]) => Math.abs(ago) >= ms) ?? ['second', 1000]
  const text = Math.abs(ago) < 5000 ? 'now' : relative.format(Math.round(ago / ms), unit)
  return (
    <time dateTime={at} title={absolute.format(then)}>
      {text}
    </time>
  )
}
