const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })
const full = new Intl.NumberFormat('en')

/** compact is a count in at most three digits. */
export const compact = (n: number) => short.format(n)
export const exact = (n: number) => full.format(n)
/** micros is a time that was measured in microseconds. */
export const micros = (n: number | null) => (n === null ? '–' : n < 1000 ? `${Number(n.toPrecision(3))} µs` : n < 1e6 ? `${Number((n / 1000).toPrecision(3))} ms` : `${Number((n / 1e6).toPrecision(3))} s`)
