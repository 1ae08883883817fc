import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer, write } from './engine.mjs'
import { newSession, openSignedIn, sessions, until } from './world.mjs'

const results = (page) => page.getByRole('region', { name: 'Results' })

test('each number of the first screen leads to exactly its rows', async (t) => {
  const page = await openSignedIn(t)
  for (const [title, status, row] of [
    ['Failed deliveries', /^failed$/, 'Your invoice of 1 July'],
    ['Failed messages', /^failed$/, 'Book entry 2 of the ledger'],
    ['Waiting messages', /^pending$/, 'Fahrkarte 4'],
    ['Undelivered replies', /^(pending|unknown)$/, 'Disk 3 of db-eu-1 is 91% full'],
  ]) {
    const card = page.getByRole('region', { name: title })
    const link = card.getByRole('link', { name: title })
    const number = Number((await link.textContent()).replaceAll(',', ''))
    assert.ok(number > 0)
    await link.click()
    await results(page).getByText(row).waitFor()
    await page.getByText(`${number}, newest first`, { exact: true }).waitFor()
    const shown = await results(page).getByRole('article').all()
    assert.equal(shown.length, number)
    for (const s of shown) await s.getByText(status).waitFor()
    await page.goBack()
  }
  assert.deepEqual(page.wrongs, [])
})

test('a stuck container and a hook with an open circuit are named, and lead to where they are', async (t) => {
  const page = await openSignedIn(t)
  const stuck = page.getByRole('region', { name: 'Stuck containers' })
  await stuck.getByRole('link', { name: '1: Stuck containers' }).click()
  await page.getByRole('heading', { name: sessions.stuck }).waitFor()
  await page.goBack()
  const hooks = page.getByRole('region', { name: 'Hooks in trouble' })
  await hooks.getByText(/^(open|half open)$/).waitFor()
  await hooks.getByRole('link', { name: 'translate', exact: true }).click()
  await page.getByRole('heading', { name: 'translate' }).waitFor()
  await page.getByText('Last failure').waitFor()
})

test('the first screen follows what happens by itself, and counts failures of an age', async (t) => {
  const session = await newSession('follows')
  const page = await openSignedIn(t)
  await page.evaluate(() => (window.loaded = 'once'))
  const link = page.getByRole('link', { name: 'Failed messages' })
  const before = Number(await link.textContent())
  await write(session, 'This one fails too')
  await write(session, 'And this one failed last year', { timestamp: '2025-01-01T12:00:00Z' })
  await answer(session, 'false')
  await page.getByRole('link', { name: `${before + 2}: Failed messages` }).waitFor()
  await page.getByRole('combobox', { name: 'Failures' }).selectOption('Of the last hour')
  await page.getByRole('link', { name: `${before + 1}: Failed messages` }).waitFor()
  assert.equal(new URL(page.url()).searchParams.get('age'), '1h')
  await page.getByRole('link', { name: 'Failed messages' }).click()
  await results(page).getByText('This one fails too').waitFor()
  await until('its rows alone', async () => (await results(page).getByRole('article').count()) === before + 1)
  assert.equal(await page.evaluate(() => window.loaded), 'once')
})
