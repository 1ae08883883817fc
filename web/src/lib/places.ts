// Where the screens of things are. Ids may hold whatever a client chose.
export const sessionPath = (id: string) => `/sessions/${encodeURIComponent(id)}`
export const messagePath = (sessionId: string, messageId: string) => `${sessionPath(sessionId)}/messages/${encodeURIComponent(messageId)}`
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
