import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, adminToken, write } from './engine.mjs'
import { newSession, open, openSignedIn, sessions, until } from './world.mjs'

/** focused waits until what is named so has the focus. */
const focused = (page, locator) => until(`the focus on ${locator}`, () => locator.evaluate((e) => e === document.activeElement).catch(() => false))

async function tabTo(page, locator) {
  for (let n = 0; n < 60; n++) {
    if (await locator.evaluate((e) => e === document.activeElement)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab does not reach ${locator}`)
}

test('a message is found, opened and called off by the keyboard alone', async (t) => {
  const session = await newSession('keys')
  for (let n = 1; n <= 3; n++) await write(session, `keyboard only, ${n}`, { messageId: `key-${n}` })
  const page = await open(t, address)
  await focused(page, page.getByLabel(/^Admin token/))
  await page.keyboard.type(await adminToken())
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Attention' }).waitFor()

  await page.keyboard.press('?')
  const help = page.getByRole('dialog', { name: 'Keyboard' })
  await help.getByText('next and previous row').waitFor()
  await page.keyboard.press('/')
  assert.equal(page.url(), `${address}/`, 'keys are for the dialog')
  await page.keyboard.press('Escape')
  await help.waitFor({ state: 'detached' })
  const helpButton = page.getByRole('button', { name: 'Keyboard help' })
  await tabTo(page, helpButton)
  await page.keyboard.press('Enter')
  await help.waitFor()
  await page.keyboard.press('Escape')
  await focused(page, helpButton)

  await page.keyboard.press('/')
  await focused(page, page.getByRole('searchbox', { name: 'Search messages and replies' }))
  await page.keyboard.type('"keyboard only"')
  await page.getByText('3, newest first', { exact: true }).waitFor()
  await page.keyboard.press('Escape')
  const current = () => page.locator('[aria-current=true]').textContent()
  await page.keyboard.press('j')
  assert.match(await current(), /keyboard only, 3/)
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('k')
  assert.match(await current(), /keyboard only, 2/)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'key-2' }).waitFor()

  const button = page.getByRole('button', { name: 'Cancel message' })
  await button.waitFor()
  await tabTo(page, button)
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Cancel this message?' })
  await focused(page, dialog.getByRole('button', { name: 'Cancel message' }))
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await focused(page, button)
  await page.keyboard.press('Enter')
  await focused(page, dialog.getByRole('button', { name: 'Cancel message' }))
  await page.keyboard.press('Enter')
  await page.getByText('An operator called it off.').waitFor()
  assert.deepEqual(page.wrongs.filter((w) => !w.includes('401')), [])
})

test('rows of sessions and hooks, and of a conversation, are gone through by j and k', async (t) => {
  const page = await openSignedIn(t, '/sessions')
  await page.getByRole('link', { name: sessions.talk }).waitFor()
  await page.keyboard.press('j')
  const name = await page.locator('tr[aria-current=true] a').textContent()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name }).waitFor()
  await page.goto(`${address}/sessions/${sessions.talk}`)
  await page.getByText('And what does it cost?').first().waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'hello' }).waitFor()
  await page.goto(`${address}/hooks`)
  await page.getByRole('link', { name: 'redact', exact: true }).waitFor()
  await page.keyboard.press('j')
  const hook = await page.locator('tr[aria-current=true] a').textContent()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: hook }).waitFor()
})
