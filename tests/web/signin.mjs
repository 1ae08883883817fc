import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, adminToken, signInAddress } from './engine.mjs'
import { open, openSignedIn, printedAddress } from './world.mjs'

const signOut = (page) => page.getByRole('button', { name: 'Sign out' })
const form = (page) => page.getByLabel(/^Admin token/)

test('the printed address signs in, and the address bar does not keep its code', async (t) => {
  const page = await open(t, printedAddress)
  await signOut(page).waitFor()
  assert.equal(page.url(), `${address}/`)
  await page.reload()
  await signOut(page).waitFor()
  assert.deepEqual(page.wrongs, [])
  const other = await open(t, printedAddress)
  await other.getByRole('alert').getByText('not valid').waitFor()
  assert.equal(other.url(), `${address}/`)
})

test('neither half of a sign-in can be had by a script and sent alone', async (t) => {
  const page = await openSignedIn(t)
  assert.equal(await page.evaluate(() => document.cookie), '')
  const alone = await page.evaluate(() => fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"{__typename}"}' }).then((r) => r.status))
  assert.equal(alone, 401)
  await page.context().clearCookies()
  await page.reload()
  await form(page).waitFor()
})

test('a deep link opens its screen after signing in', async (t) => {
  const page = await openSignedIn(t, '/sessions?status=ACTIVE')
  await page.getByRole('heading', { name: 'Sessions' }).waitFor()
  assert.equal(page.url(), `${address}/sessions?status=ACTIVE`)
})

test('an address that is no screen is a page that says so, and windows are told apart by their titles', async (t) => {
  const page = await openSignedIn(t, '/nowhere')
  await page.getByRole('heading', { name: 'There is no such screen' }).waitFor()
  assert.equal(await page.title(), 'Twinbox')
  await page.goto(`${address}/hooks/redact`)
  await page.getByRole('heading', { name: 'redact' }).waitFor()
  assert.equal(await page.title(), 'redact · Hooks · Twinbox')
  await page.getByRole('link', { name: 'Messages' }).click()
  await page.getByRole('heading', { name: 'Messages' }).waitFor()
  assert.equal(await page.title(), 'Messages · Twinbox')
})

test('the token signs in, another one does not, and signing out needs it again', async (t) => {
  const page = await open(t, `${address}/`)
  await form(page).fill('not-the-token-0123456789')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('alert').getByText('not valid').waitFor()
  await form(page).fill(await adminToken())
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  const other = await page.context().newPage()
  await other.goto(`${address}/tail`)
  await other.getByText('Waiting for something to happen').waitFor()
  await signOut(page).click()
  await form(page).waitFor()
  await form(other).waitFor()
  assert.deepEqual(await page.context().cookies(), [])
  await page.reload()
  await form(page).waitFor()
})

test('a first load takes less than 250 KB', async (t) => {
  const page = await open(t, 'about:blank')
  const network = await page.context().newCDPSession(page)
  let bytes = 0
  network.on('Network.loadingFinished', (e) => (bytes += e.encodedDataLength))
  await network.send('Network.enable')
  await page.goto(await signInAddress())
  await signOut(page).waitFor()
  await page.waitForLoadState('networkidle')
  assert.ok(bytes > 10_000 && bytes < 250_000, `it takes ${bytes} bytes`)
  t.diagnostic(`${bytes} bytes`)
})
