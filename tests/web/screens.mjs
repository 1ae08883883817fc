import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import axe from 'axe-core'
import { address, write } from './engine.mjs'
import { open, openSignedIn, sessions, settled, show, until } from './world.mjs'

const pictures = process.env.TWINBOX_SCREENSHOTS

/** Each screen, what is there when it has all that it shows, and what brings it there. */
const screens = {
  attention: { path: () => '/', ready: (page) => page.getByRole('link', { name: 'Stuck containers' }) },
  messages: { path: () => '/messages', ready: (page) => page.getByRole('region', { name: 'Results' }).getByRole('article') },
  'messages-filter': {
    path: () => '/messages?group=billing&status=FAILED,PENDING&age=1d',
    ready: (page) => page.getByRole('region', { name: 'Results' }).getByText('Book entry 3'),
  },
  'messages-none': { path: () => '/messages?text=nobody+says+this', ready: (page) => page.getByText('Nothing is like that') },
  sessions: { path: () => '/sessions', ready: (page) => page.getByRole('link', { name: sessions.talk }) },
  session: { path: () => `/sessions/${sessions.talk}`, ready: (page) => page.getByText('And what does it cost?') },
  'session-empty': { path: () => `/sessions/${sessions.lost}`, ready: (page) => page.getByText('Nothing was said here yet') },
  message: {
    path: () => `/sessions/${sessions.talk}/messages/chart`,
    ready: (page) => page.getByRole('article', { name: 'Reply' }),
    does: async (page) => {
      await page.getByRole('button', { name: 'Preview pages.png' }).click()
      await page.waitForFunction(() => document.querySelector('img[alt="pages.png"]')?.naturalWidth > 0)
    },
  },
  'message-failed': { path: () => `/sessions/${sessions.undelivered}/messages/invoice-1`, ready: (page) => page.getByText('The last attempt failed') },
  operations: { path: () => '/operations', ready: (page) => page.getByRole('article', { name: /The tariff service/ }).getByText('2 of 2 done') },
  tail: {
    path: () => '/tail',
    ready: (page) => page.getByText('Waiting for something to happen'),
    does: async (page) => {
      for (let n = 1; n <= 12; n++) await write(sessions.noise, `seen as it comes, ${n}`, { trigger: false })
      await page.getByText('message written').nth(11).waitFor()
    },
  },
  hooks: { path: () => '/hooks', ready: (page) => page.getByRole('link', { name: 'redact' }) },
  hook: { path: () => '/hooks/redact', ready: (page) => page.getByRole('img', { name: 'Time of a call' }) },
  'hook-failing': { path: () => '/hooks/translate', ready: (page) => page.getByText('Last failure') },
  help: {
    path: () => '/sessions',
    ready: (page) => page.getByRole('link', { name: sessions.talk }),
    does: async (page) => {
      await page.keyboard.press('?')
      await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
    },
  },
  'no-such-screen': { path: () => '/nowhere', ready: (page) => page.getByRole('heading', { name: 'There is no such screen' }) },
}

/** Besides the wide and light ones: where a phone or the dark adds something. */
const pictured = new Set(['attention-dark', 'session-dark', 'hook-dark', 'graphiql-dark', 'attention-phone', 'operations-phone', 'messages-phone', 'session-phone', 'message-phone', 'sign-in'])
const unpictured = new Set(['help', 'no-such-screen', 'messages-none', 'session-empty'])

async function picture(page, name, variant) {
  const full = variant ? `${name}-${variant}` : name
  if (!pictures || (variant ? !pictured.has(full) : unpictured.has(name))) return
  await mkdir(pictures, { recursive: true })
  await page.screenshot({ path: join(pictures, `${full}.png`), animations: 'disabled', caret: 'hide' })
}

/** check finds what is not accessible, but for what leave says: parts of selectors, by rule. */
async function check(page, what, leave = {}) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => window.axe.run())
  const found = violations.flatMap((v) =>
    v.nodes.filter((n) => !(leave[v.id] ?? []).some((part) => n.target.join(' ').includes(part))).map((n) => `${what}: ${v.id}: ${n.target.join(' ')}: ${n.html}\n${n.failureSummary}`),
  )
  assert.deepEqual(found, [])
  assert.deepEqual(page.wrongs, [])
}

const looks = [
  { variant: '', colorScheme: 'light', width: 1440, height: 900 },
  { variant: 'dark', colorScheme: 'dark', width: 1440, height: 900 },
  { variant: 'phone-dark', colorScheme: 'dark', width: 390, height: 844 },
  { variant: 'phone', colorScheme: 'light', width: 390, height: 844 },
]

/** look shows a page in all looks, and checks it in each. */
async function look(page, name) {
  for (const { variant, colorScheme, width, height } of looks) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height })
    await settled(page)
    // Some colours change little by little.
    await page.evaluate(() => Promise.allSettled(document.getAnimations().flatMap((a) => (a instanceof CSSTransition ? [a.finished] : []))))
    await picture(page, name, variant)
    const words = `${name} in ${colorScheme} colours at ${width} pixels`
    assert.equal(await page.evaluate(() => document.documentElement.dataset.mantineColorScheme), colorScheme, words)
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    assert.ok(wide <= 0, `${words} is ${wide} pixels too wide`)
    await check(page, words)
  }
  await page.setViewportSize(looks[0])
}

test('the sign-in is accessible, and no wider than the screen, in both colours at both widths', async (t) => {
  const page = await open(t, address)
  await page.getByLabel(/^Admin token/).waitFor()
  await look(page, 'sign-in')
})

test('each screen is accessible, and no wider than the screen, in both colours at both widths', async (t) => {
  const page = await openSignedIn(t)
  for (const [name, { path, ready, does }] of Object.entries(screens))
    await t.test(name, async () => {
      await show(page, path())
      await ready(page).first().waitFor()
      await does?.(page)
      await look(page, name)
    })
})

for (const colorScheme of ['light', 'dark'])
  test(`GraphiQL is accessible in ${colorScheme} colours`, async (t) => {
    const page = await openSignedIn(t, '/', { colorScheme })
    await page.goto(`${address}/graphiql`)
    await page.getByRole('link', { name: 'Query', exact: true }).waitFor()
    await page.locator('.graphiql-query-editor .mtk1').first().waitFor()
    await settled(page)
    await picture(page, 'graphiql', colorScheme === 'dark' ? 'dark' : '')
    // Each of its tabs has a button to close it, as GraphiQL's library has it.
    await check(page, `GraphiQL in ${colorScheme} colours`, { 'nested-interactive': ['.graphiql-tab', 'li:nth-child('] })
  })

test('the colours are chosen by a button, and stay chosen', async (t) => {
  const page = await openSignedIn(t)
  const scheme = () => page.evaluate(() => document.documentElement.dataset.mantineColorScheme)
  assert.equal(await scheme(), 'light')
  await page.getByRole('button', { name: 'Dark colours' }).click()
  await until('dark colours', async () => (await scheme()) === 'dark')
  await page.reload()
  await page.getByRole('button', { name: 'Light colours' }).waitFor()
  assert.equal(await scheme(), 'dark')
})
