// Where the screens of things are. Ids may hold whatever a client chose.
export const sessionPath = (id: string) => `/sessions/${encodeURIComponent(id)}`
export const messagePath = (sessionId: string, messageId: string) => `${sessionPath(sessionId)}/messages/${encodeURIComponent(messageId)}`
export const hookPath = (name: string) => `/hooks/${encodeURIComponent(name)}`
