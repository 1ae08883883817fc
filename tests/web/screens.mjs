import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import axe from 'axe-core'
import { address, write } from './engine.mjs'
import { open, openSignedIn, sessions } from './world.mjs'

const pictures = process.env.TWINBOX_SCREENSHOTS

/** Each screen, and what is there when it has all that it shows. */
const screens = {
  attention: { path: '/', ready: (page) => page.getByRole('heading', { level: 1 }) },
  messages: { path: '/messages', ready: (page) => page.getByRole('heading', { level: 1 }) },
  sessions: { path: '/sessions', ready: (page) => page.getByRole('link', { name: sessions.talk }) },
  session: { path: () => `/sessions/${sessions.talk}`, ready: (page) => page.getByText('And what does it cost?') },
  message: { path: () => `/sessions/${sessions.talk}/messages/picture`, ready: (page) => page.getByRole('heading', { level: 1 }) },
  tail: { path: '/tail', ready: (page) => page.getByRole('log', { name: 'Events' }), happens: () => write(sessions.attack, 'seen as it comes'), then: (page) => page.getByText('message written') },
  hooks: { path: '/hooks', ready: (page) => page.getByRole('link', { name: 'shout' }) },
  hook: { path: '/hooks/shout', ready: (page) => page.getByRole('heading', { name: 'shout' }) },
}

async function picture(page, name) {
  if (!pictures) return
  await mkdir(pictures, { recursive: true })
  await page.screenshot({ path: join(pictures, `${name}.png`) })
}

async function check(page, name, colours) {
  await page.waitForLoadState('networkidle')
  await picture(page, colours === 'dark' ? `${name}-dark` : name)
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => window.axe.run())
  const found = violations.flatMap((v) => v.nodes.map((n) => `${name}, ${colours}: ${v.id}: ${n.html}\n${n.failureSummary}`))
  assert.deepEqual(found, [])
  assert.deepEqual(page.wrongs, [])
}

for (const colours of ['light', 'dark']) {
  test(`the sign-in is accessible in ${colours} colours`, async (t) => {
    const page = await open(t, address, { colorScheme: colours })
    await page.getByLabel(/^Admin token/).waitFor()
    await check(page, 'sign-in', colours)
  })
  test(`each screen is accessible in ${colours} colours`, async (t) => {
    const page = await openSignedIn(t, '/', { colorScheme: colours })
    for (const [name, { path, ready, happens, then }] of Object.entries(screens))
      await t.test(name, async () => {
        await page.goto(address + (typeof path === 'string' ? path : path()))
        await ready(page).first().waitFor()
        await happens?.()
        await then?.(page).first().waitFor()
        await check(page, name, colours)
      })
  })
}

test('GraphiQL has the schema, asks the engine alone, and needs a sign-in too', async (t) => {
  const page = await openSignedIn(t)
  await page.goto(`${address}/graphiql`)
  await page.getByRole('link', { name: 'Query', exact: true }).waitFor()
  await picture(page, 'graphiql')
  assert.deepEqual(page.wrongs, [])
  const other = await open(t, `${address}/graphiql`)
  await other.getByLabel(/^Admin token/).waitFor()
})

test('on a phone nothing is wider than the screen', async (t) => {
  const page = await openSignedIn(t, '/', { viewport: { width: 390, height: 844 } })
  for (const { path, ready } of Object.values(screens)) {
    await page.goto(address + (typeof path === 'string' ? path : path()))
    await ready(page).first().waitFor({ state: 'attached' })
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${page.url()} is too wide`)
  }
})
