import assert from 'node:assert/strict'
import { test } from 'node:test'
import { end, start, write } from './engine.mjs'
import { newSession, openSignedIn, until } from './world.mjs'

const log = (page) => page.getByRole('log', { name: 'Events' })
const distance = (page) => log(page).evaluate((b) => b.scrollHeight - b.scrollTop - b.clientHeight)

test('the tail stays at the bottom, pauses when one scrolls up, and counts what is new', async (t) => {
  const session = await newSession('tailed')
  const page = await openSignedIn(t, '/tail?types=MESSAGE_WRITTEN')
  await page.getByText('Waiting for something to happen').waitFor()
  for (let n = 1; n <= 60; n++) await write(session, `event ${n}`, { messageId: `event-${n}` })
  await log(page).getByText('event-60', { exact: true }).waitFor()
  await until('the bottom', async () => (await distance(page)) < 2)
  await log(page).hover()
  await page.mouse.wheel(0, -400)
  await until('being scrolled up', async () => (await distance(page)) > 200)
  const top = await log(page).evaluate((b) => b.scrollTop)
  for (let n = 61; n <= 63; n++) await write(session, `event ${n}`, { messageId: `event-${n}` })
  await page.getByRole('button', { name: '3 new' }).waitFor()
  assert.equal(await log(page).evaluate((b) => b.scrollTop), top)
  await page.getByRole('button', { name: '3 new' }).click()
  await until('the bottom', async () => (await distance(page)) < 2)
  await page.getByRole('button', { name: 'new' }).waitFor({ state: 'detached' })
  await write(session, 'event 64', { messageId: 'event-64' })
  await log(page).getByText('event-64', { exact: true }).click()
  await page.getByRole('heading', { name: 'event-64' }).waitFor()
  assert.deepEqual(page.wrongs, [])
})

test('the tail shows what happened while the connection was lost, once each', async (t) => {
  const session = await newSession('tail-lost')
  const page = await openSignedIn(t, '/tail?types=MESSAGE_WRITTEN')
  await page.getByText('Waiting for something to happen').waitFor()
  await write(session, 'before', { messageId: 'tail-before' })
  await log(page).getByText('tail-before').waitFor()
  await end('SIGTERM')
  await page.getByText('Connection lost').waitFor()
  await start()
  await write(session, 'meanwhile', { messageId: 'tail-meanwhile' })
  await page.getByText('Connection lost').waitFor({ state: 'detached' })
  await write(session, 'since', { messageId: 'tail-since' })
  await log(page).getByText('tail-since').waitFor()
  assert.deepEqual(await log(page).getByText(/^tail-/).allTextContents(), ['tail-before', 'tail-meanwhile', 'tail-since'])
})
