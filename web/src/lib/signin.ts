// A sign-in has two halves. The engine keeps one in a cookie that no script can
// read; this is the other, in the storage of this origin, which no other origin
// can read. Neither is worth anything alone.
const storageKey = 'twinbox-console-key'

let key = localStorage.getItem(storageKey)
const listeners = new Set<() => void>()

export const signedIn = () => key !== null
export const consoleKey = () => key ?? ''

export function onSignIn(listener: () => void) {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

function hold(value: string | null) {
  if (key === value) return
  key = value
  for (const l of listeners) l()
}

function keep(value: string | null) {
  if (value === null) localStorage.removeItem(storageKey)
  else localStorage.setItem(storageKey, value)
  hold(value)
}

// Another window of this browser signed in or out: this one goes with it.
addEventListener('storage', (e) => {
  if (e.key === storageKey || e.key === null) hold(localStorage.getItem(storageKey))
})

/** signIn trades a token or a one-time code for a sign-in; it throws what to tell the user. */
export async function signIn(secret: { token: string } | { code: string }) {
  const r = await fetch('/sign-in', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(secret),
  })
  const body = (await r.json()) as { key?: string; errors?: { message: string }[] }
  if (!r.ok || !body.key) throw new Error(body.errors?.[0]?.message ?? `the engine answered ${r.status}`)
  keep(body.key)
}

/** forget is for when the engine says that the sign-in is not valid any more. */
export const forget = () => keep(null)

export async function signOut() {
  await fetch('/sign-out', { method: 'POST' })
  keep(null)
}

/** secretFromAddress takes what `engine serve` put behind the # out of the address bar. */
export function secretFromAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1))
  const code = fragment.get('code')
  if (code === null) return null
  history.replaceState(null, '', location.pathname + location.search)
  return { code }
}

// The one page outside of the console's own that a sign-in can lead back to.
const graphiQL = '/graphiql'

/** signInFirst is for that page: it goes to the sign-in, and comes back after it. */
export const signInFirst = () => location.replace(`/?to=${graphiQL}`)

/** returnTo is where to go after a sign-in that was asked for elsewhere. */
export const returnTo = () => (new URLSearchParams(location.search).get('to') === graphiQL ? graphiQL : null)
