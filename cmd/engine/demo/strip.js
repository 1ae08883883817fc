// Takes what a camera noted about place and time out of PNG pictures.
const noted = ["eXIf", "tEXt", "zTXt", "iTXt", "tIME"]

export function onAttachment(attachment) {
  const b = attachment.bytes
  if (attachment.mimeType !== "image/png" || b[0] !== 0x89) return // pass
  const view = new DataView(b.buffer, b.byteOffset, b.byteLength)
  const kept = [b.subarray(0, 8)]
  for (let at = 8; at + 12 <= b.length; ) {
    const end = at + 12 + view.getUint32(at) // length, type, data, checksum
    const type = String.fromCharCode(...b.subarray(at + 4, at + 8))
    if (!noted.includes(type)) kept.push(b.subarray(at, end))
    at = end
  }
  const bytes = new Uint8Array(kept.reduce((n, part) => n + part.length, 0))
  let at = 0
  for (const part of kept) {
    bytes.set(part, at)
    at += part.length
  }
  return { bytes }
}
