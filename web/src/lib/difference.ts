import { diffLines } from 'diff'

export type Line = { sign: ' ' | '+' | '-'; text: string }

/** What is longer is shown by its beginning: base64 of a file, say. */
const mostOfAText = 2000
/** So many unchanged lines are shown around what changed. */
const around = 3

/** tidy clips long texts, and puts an object's members in order: that a hook's answer has another order is no change. */
function tidy(_: string, v: unknown) {
  if (typeof v === 'string' && v.length > mostOfAText) return `${v.slice(0, 80)}… (${v.length} characters)`
  if (typeof v !== 'object' || v === null || Array.isArray(v)) return v
  return Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** lines is a value for a person: a text's own lines, JSON's otherwise. */
const lines = (v: unknown) => (typeof v === 'string' ? v : JSON.stringify(v, tidy, 2)) + '\n'

/** difference is what changed from one value to another, line by line; null is a left-out part. */
export function difference(before: unknown, after: unknown): (Line | null)[] {
  const all: Line[] = diffLines(lines(before), lines(after)).flatMap(({ added, removed, value }) =>
    value
      .replace(/\n$/, '')
      .split('\n')
      .map((text): Line => ({ sign: added ? '+' : removed ? '-' : ' ', text })),
  )
  const near = all.map((_, i) => all.slice(Math.max(i - around, 0), i + around + 1).some((l) => l.sign !== ' '))
  return all.flatMap((l, i) => (near[i] ? [l] : near[i - 1] ? [null] : []))
}
