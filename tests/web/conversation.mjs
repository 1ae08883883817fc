import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, answer, end, start, write } from './engine.mjs'
import { hostileName, injection, openSignedIn, sessions } from './world.mjs'

const conversation = (page) => page.getByRole('log', { name: 'Conversation' })

test('a session is found in the list, and what is written to it appears by itself', async (t) => {
  const page = await openSignedIn(t, '/sessions')
  await page.getByRole('link', { name: sessions.talk }).click()
  const log = conversation(page)
  await log.getByText('And what does it cost?').waitFor()
  assert.equal(page.url(), `${address}/sessions/${sessions.talk}`)
  await page.evaluate(() => (window.loaded = 'once'))
  await write(sessions.talk, 'Hello from elsewhere', '--id', 'elsewhere')
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
  await conversation(page).getByRole('button', { name: 'Preview chart.png' }).first().click()
  await page.waitForFunction(() => document.querySelector('img[alt="chart.png"]')?.naturalWidth === 1)
  assert.deepEqual(page.wrongs, [])
})

test('a lost connection is shown, comes back by itself, and nothing is missed', async (t) => {
  const page = await openSignedIn(t, `/sessions/${sessions.lost}`)
  await page.getByText('Nothing was said here yet').waitFor()
  await write(sessions.lost, 'before', '--id', 'before')
  const log = conversation(page)
  await log.getByText('before', { exact: true }).first().waitFor()
  await end('SIGKILL')
  await page.getByText('Connection lost').waitFor()
  await start()
  await write(sessions.lost, 'while nobody looked', '--id', 'meanwhile')
  await log.getByText('while nobody looked').waitFor()
  await page.getByText('Connection lost').waitFor({ state: 'detached' })
  await write(sessions.lost, 'and since', '--id', 'since')
  await log.getByText('and since').waitFor()
  assert.deepEqual(await log.getByRole('article').evaluateAll((all) => all.map((a) => a.getAttribute('aria-label'))), ['Message before', 'Message meanwhile', 'Message since'])
})
