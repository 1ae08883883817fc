import type { DeliveryStatus, Direction, MessageStatus, SearchFilter } from '../gql/graphql'

/** What the address of the messages' screen may hold; each is a text, and empty means any. */
export const mailKeys = ['text', 'id', 'session', 'group', 'channel', 'kind', 'direction', 'status', 'delivery', 'waiting', 'retried', 'since', 'until', 'age'] as const
export type MailKey = (typeof mailKeys)[number]
export type Mail = Record<MailKey, string>

const hour = 3_600_000
/** Ages that can be chosen, each as a part of the address. */
export const ages: Record<string, { label: string; ms: number }> = {
  '1h': { label: 'Of the last hour', ms: hour },
  '1d': { label: 'Of the last day', ms: 24 * hour },
  '7d': { label: 'Of the last 7 days', ms: 7 * 24 * hour },
  older1h: { label: 'Older than an hour', ms: -hour },
  older1d: { label: 'Older than a day', ms: -24 * hour },
}

/** refusedMail is what an address asks for that there is not; null when there is all of it. The rest, the API checks. */
export function refusedMail(m: Pick<Mail, 'age'> & Partial<Mail>): string | null {
  if (m.age && !Object.hasOwn(ages, m.age)) return `There is no age “${m.age}”: there are ${Object.keys(ages).join(', ')}.`
  if (m.waiting && m.waiting !== '1') return `waiting is 1 or left out, not “${m.waiting}”.`
  if (m.retried && m.retried !== '1' && m.retried !== '0') return `retried is 0, 1 or left out, not “${m.retried}”.`
  return null
}

const list = <T extends string>(s: string) => (s ? (s.split(',') as T[]) : undefined)

/** searchFilter is what the API is asked for; now is what ages count from. */
export function searchFilter(m: Mail, now: number): SearchFilter {
  const age = ages[m.age]?.ms
  const filter: SearchFilter = {
    text: m.text.trim() || undefined,
    id: m.id.trim() || undefined,
    sessionId: m.session || undefined,
    agentGroupId: m.group || undefined,
    channelType: m.channel || undefined,
    kind: m.kind || undefined,
    direction: (m.direction || undefined) as Direction | undefined,
    messageStatus: list<MessageStatus>(m.status),
    deliveryStatus: list<DeliveryStatus>(m.delivery),
    waiting: m.waiting === '1' || undefined,
    retried: m.retried ? m.retried === '1' : undefined,
    since: m.since || (age && age > 0 ? new Date(now - age).toISOString() : undefined),
    until: m.until || (age && age < 0 ? new Date(now + age).toISOString() : undefined),
  }
  return JSON.parse(JSON.stringify(filter)) as SearchFilter
}

const id = (v: string | number | null | undefined) => v?.toString()

/** mailAddress leads to exactly the rows that a filter of the API selects. */
export function mailAddress(filter: unknown): string {
  const f = (typeof filter === 'object' && filter !== null ? filter : {}) as SearchFilter
  const parts: Partial<Record<MailKey, string | null | undefined>> = {
    text: f.text,
    id: id(f.id),
    session: id(f.sessionId),
    group: id(f.agentGroupId),
    channel: f.channelType,
    kind: f.kind,
    direction: f.direction,
    status: f.messageStatus?.join(','),
    delivery: f.deliveryStatus?.join(','),
    waiting: f.waiting ? '1' : undefined,
    retried: f.retried == null ? undefined : f.retried ? '1' : '0',
    since: f.since,
    until: f.until,
  }
  const params = new URLSearchParams()
  for (const [k, v] of Object.entries(parts)) if (v) params.set(k, v)
  return `/messages?${params.toString()}`
}
