// Where the screens of things are. Ids may hold whatever a client chose.
export const sessionPath = (id: string) => `/sessions/${encodeURIComponent(id)}`
export const messagePath = (sessionId: string, messageId: string) => `${sessionPath(sessionId)}/messages/${encodeURIComponent(messageId)}`
export const replyPath = (sessionId: string, replyId: string) => `${sessionPath(sessionId)}/replies/${encodeURIComponent(replyId)}`
export const hookPath = (name: string) => `/hooks/${encodeURIComponent(name)}`

/** segment is a part of the address as it was encoded: the router decodes some of its characters, and not others. */
export function segment(n: number) {
  const part = location.pathname.split('/')[n] ?? ''
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

type Entry = { message?: { messageId: string }; reply?: { replyId: string; inReplyTo: string | null } }

/** entryPath is the story of a message, or of the one that a reply answers. */
export function entryPath(sessionId: string, { message, reply }: Entry) {
  const about = message?.messageId ?? reply?.inReplyTo
  return about ? messagePath(sessionId, about) : replyPath(sessionId, reply?.replyId ?? '')
}
