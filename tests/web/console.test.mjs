// One engine and one browser for all, since starting them takes longer than
// what is tested.
import { after, before } from 'node:test'
import { begin, finish } from './world.mjs'

before(begin)
after(finish)

await import('./screens.mjs')
await import('./signin.mjs')
await import('./attention.mjs')
await import('./messages.mjs')
await import('./story.mjs')
await import('./conversation.mjs')
await import('./tail.mjs')
await import('./hooks.mjs')
await import('./keyboard.mjs')
await import('./graphiql.mjs')
// Last: the index has much to do after it.
await import('./long.mjs')
