import { consoleKey } from './signin'

/** fetchFile reads an attachment as the signed-in user. Browsers would send a link's request without the key. */
export async function fetchFile(url: string, mimeType?: string | null) {
  const r = await fetch(url, { headers: { 'X-Console-Key': consoleKey() } })
  if (!r.ok) throw new Error(r.status === 404 ? 'The file is gone.' : `The engine answered ${r.status}.`)
  return new Blob([await r.blob()], { type: mimeType ?? 'application/octet-stream' })
}

export async function download(url: string, name: string) {
  const address = URL.createObjectURL(await fetchFile(url))
  const a = document.createElement('a')
  a.href = address
  a.download = name
  a.click()
  URL.revokeObjectURL(address)
}

const sizes = ['bytes', 'KB', 'MB', 'GB']
/** bytes is a size in three digits. */
export function bytes(n: number) {
  const unit = Math.min(Math.floor(Math.log10(Math.max(n, 1)) / 3), sizes.length - 1)
  return `${unit ? (n / 1000 ** unit).toPrecision(3) : n} ${sizes[unit]}`
}

/** decoded is a text in the characters that its type says. */
export async function decoded(text: Blob, mimeType: string | null) {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(mimeType ?? '')?.[1]
  const bytes = await text.arrayBuffer()
  try {
    return new TextDecoder(charset).decode(bytes)
  } catch {
    throw new Error(`There is no charset “${charset}”.`)
  }
}

// What a browser shows without running anything in it. SVG is not among them.
const images = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp'])
const sounds = new Set(['audio/mpeg', 'audio/ogg', 'audio/wav', 'audio/webm', 'audio/mp4', 'audio/flac'])
const films = new Set(['video/mp4', 'video/webm', 'video/ogg'])

export type Preview = 'image' | 'audio' | 'video' | 'text'

const mostPreviewed = 20 << 20
const mostText = 256 << 10

export function previewOf(mimeType: string | null | undefined, size: number | null): Preview | null {
  const type = mimeType?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (size === null || size > mostPreviewed) return null
  if (images.has(type)) return 'image'
  if (sounds.has(type)) return 'audio'
  if (films.has(type)) return 'video'
  if ((type.startsWith('text/') || type === 'application/json') && size <= mostText) return 'text'
  return null
}
