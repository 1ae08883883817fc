import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, answer, end, start, write } from './engine.mjs'
import { hostileName, injection, newSession, openSignedIn, sessions, show } from './world.mjs'

const conversation = (page) => page.getByRole('log', { name: 'Conversation' })

test('a session is found in the list, and what is written to it appears by itself', async (t) => {
  const page = await openSignedIn(t, '/sessions')
  await page.getByRole('link', { name: sessions.talk }).click()
  const log = conversation(page)
  await log.getByText('And what does it cost?').waitFor()
  assert.equal(page.url(), `${address}/sessions/${sessions.talk}`)
  await page.evaluate(() => (window.loaded = 'once'))
  await write(sessions.talk, 'Hello from elsewhere', { messageId: 'elsewhere' })
  await log.getByText('Hello from elsewhere').waitFor()
  await answer(sessions.talk)
  await log.getByText('Hello from elsewhere').nth(1).waitFor()
  assert.equal(await page.evaluate(() => window.loaded), 'once')
  assert.deepEqual(page.wrongs, [])
})

test('what people, agents and files say is text, whatever it says', async (t) => {
  const page = await openSignedIn(t, `/sessions/${sessions.attack}`)
  const log = conversation(page)
  for (const who of ['Message', 'Reply']) await log.getByRole('article', { name: who }).getByText(injection).waitFor()
  await log.getByText(hostileName).first().waitFor()
  await log.getByRole('button', { name: `Preview ${hostileName}` }).first().click()
  await log.getByText('<script>parent.hurt=1</script>').waitFor()
  assert.equal(await log.locator('img, script, iframe').count(), 0)
  assert.equal(await log.locator('a:not([href^="/"])').count(), 0)
  assert.equal(await page.evaluate(() => window.hurt), undefined)
  assert.deepEqual(page.wrongs, [])
})

test('a picture is shown in its message', async (t) => {
  const page = await openSignedIn(t, `/sessions/${sessions.talk}`)
  await conversation(page).getByRole('button', { name: 'Preview pages.png' }).click()
  await page.waitForFunction(() => document.querySelector('img[alt="pages.png"]')?.naturalWidth === 320)
  assert.deepEqual(page.wrongs, [])
})

test('a lost connection is shown, comes back by itself, and nothing is missed', async (t) => {
  const page = await openSignedIn(t, `/sessions/${sessions.lost}`)
  await page.getByText('Nothing was said here yet').waitFor()
  await write(sessions.lost, 'before', { messageId: 'before' })
  const log = conversation(page)
  await log.getByText('before', { exact: true }).first().waitFor()
  await end('SIGKILL')
  await page.getByText('Connection lost').waitFor()
  await start()
  await write(sessions.lost, 'while nobody looked', { messageId: 'meanwhile' })
  await log.getByText('while nobody looked').waitFor()
  await page.getByText('Connection lost').waitFor({ state: 'detached' })
  await write(sessions.lost, 'and since', { messageId: 'since' })
  await log.getByText('and since').waitFor()
  assert.deepEqual(await log.getByRole('article').evaluateAll((all) => all.map((a) => a.getAttribute('aria-label'))), ['Message before', 'Message meanwhile', 'Message since'])
})

test('a session shows its container with what it works on, its way, its destinations and its files', async (t) => {
  const page = await openSignedIn(t, `/sessions/${sessions.stuck}`)
  const details = page.getByRole('complementary', { name: 'Details' })
  const container = details.getByRole('region', { name: 'Container' })
  await container.getByText('running', { exact: true }).waitFor()
  await container.getByRole('link', { name: 'reindex' }).waitFor()
  await container.getByText(/^claimed 2h ago$/).waitFor()
  await details.getByRole('region', { name: 'Routing' }).getByText('chat · chat-stuck').waitFor()
  await details.getByRole('region', { name: 'Destinations' }).getByText('agents: Billing').waitFor()
  await show(page, `/sessions/${sessions.talk}`)
  await details.getByRole('region', { name: 'Files' }).getByText('pages.csv').waitFor()
  assert.deepEqual(page.wrongs, [])
})

test('a session is closed after its dialog named it', async (t) => {
  const session = await newSession('closed')
  const page = await openSignedIn(t, `/sessions/${session}`)
  await page.getByRole('button', { name: 'Close session' }).click()
  const dialog = page.getByRole('dialog', { name: 'Close this session?' })
  await dialog.getByText(`${session} takes no more messages`).waitFor()
  await dialog.getByRole('button', { name: 'Close session' }).click()
  await page.getByText('closed', { exact: true }).first().waitFor()
  await page.getByRole('button', { name: 'Close session' }).first().waitFor({ state: 'detached' })
})
