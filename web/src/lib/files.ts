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
