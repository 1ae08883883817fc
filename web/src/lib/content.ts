/** Content is a message's or a reply's content as a person reads it: its text, and what else there is. */
export type Content = { text: string; sender: string | null; rest: string | null }

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)

/** The engine, too, looks for so many files of a content alone. */
const mostFiles = 1000

/** readable takes a content apart as it is stored: JSON, or just text. */
export function readable(stored: string): Content {
  let value: unknown
  try {
    value = JSON.parse(stored)
  } catch {
    return { text: stored, sender: null, rest: null }
  }
  if (typeof value === 'string') return { text: value, sender: null, rest: null }
  if (!isObject(value)) return { text: stored, sender: null, rest: null }
  const { text, sender, attachments: _, files: __, ...rest } = value
  const others = Object.keys(rest).length > 0 ? JSON.stringify(rest, null, 2) : null
  if (typeof text !== 'string') return { text: others ?? '', sender: typeof sender === 'string' ? sender : null, rest: null }
  return { text, sender: typeof sender === 'string' ? sender : null, rest: others }
}

/** gone are the names of files that a content lists, and that are not there any more. */
export function gone(stored: string, there: { name: string }[]): string[] {
  let value: unknown
  try {
    value = JSON.parse(stored)
  } catch {
    return []
  }
  if (!isObject(value) || !Array.isArray(value['files'])) return []
  const names = new Set(there.map((f) => f.name))
  return value['files'].slice(0, mostFiles).filter((f): f is string => typeof f === 'string' && !names.has(f.slice(f.lastIndexOf('/') + 1)))
}

/** pretty is JSON with line breaks; what is none stays as it is. */
export function pretty(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value, null, 2)
  try {
    return JSON.stringify(JSON.parse(value), null, 2)
  } catch {
    return value
  }
}
