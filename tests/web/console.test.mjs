// One engine and one browser for all, since starting them takes longer than
// what is tested.
import { after, before } from 'node:test'
import { begin, finish } from './world.mjs'

before(begin)
after(finish)

await import('./signin.mjs')
await import('./screens.mjs')
await import('./conversation.mjs')
