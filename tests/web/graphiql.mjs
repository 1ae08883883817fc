import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, adminToken, write } from './engine.mjs'
import { open, openSignedIn, sessions, until } from './world.mjs'

async function opened(t) {
  const page = await openSignedIn(t)
  await page.getByRole('link', { name: 'GraphiQL' }).click()
  await page.getByRole('link', { name: 'Query', exact: true }).waitFor()
  // What is clicked before the editor has its text may be taken back when it gets it.
  await editor(page).getByText('The newest sessions').first().waitFor()
  return page
}
const editor = (page) => page.locator('.graphiql-query-editor')
const answer = (page) => page.locator('.graphiql-response')

test('GraphiQL runs an example as the user, and shows the schema', async (t) => {
  const page = await opened(t)
  await page.getByRole('button', { name: /^Execute query/ }).click()
  await answer(page).getByText('"sessions"').waitFor()
  await answer(page).getByText('"sess-').first().waitFor()
  await page.getByRole('link', { name: 'Query', exact: true }).click()
  await page.getByText('Messages and replies of all sessions that were not archived').first().waitFor()
  for (const example of ['Sessions', 'Attention', 'Search', 'WriteMessage', 'DryRun', 'Preview', 'Events']) await page.getByRole('tab', { name: example }).waitFor()
  assert.deepEqual(page.wrongs, [])
})

test('GraphiQL has place for the answer on a phone', async (t) => {
  const page = await openSignedIn(t, '/', { viewport: { width: 390, height: 844 } })
  await page.goto(`${address}/graphiql`)
  await editor(page).getByText('The newest sessions').first().waitFor()
  await page.getByRole('button', { name: /^Execute query/ }).click()
  await answer(page).getByText('"sess-').first().waitFor()
  for (const part of [editor(page), answer(page)]) {
    const { width, height } = await part.boundingBox()
    assert.ok(width > 250 && height > 200, `${part} has ${width} by ${height} pixels`)
  }
  assert.deepEqual(page.wrongs, [])
})

test('GraphiQL completes what is typed, without the internet', async (t) => {
  const page = await opened(t)
  await page.getByRole('button', { name: /(New|Add) tab/ }).click()
  await editor(page).click()
  await page.keyboard.press('Control+A')
  await page.keyboard.type('{ sess')
  await page.keyboard.press('Control+Space')
  await page.locator('.suggest-widget').getByText('sessions', { exact: true }).first().waitFor()
  assert.deepEqual(page.wrongs, [])
})

test('GraphiQL follows a subscription', async (t) => {
  const page = await opened(t)
  await page.getByRole('tab', { name: 'Events' }).click()
  // At once: until a pause in changes GraphiQL itself still knows the operation of the tab before.
  await editor(page).evaluate(async (editor) => {
    while (!/What\shappens/.test(editor.textContent)) await new Promise(requestAnimationFrame)
    document.querySelector('.graphiql-execute-button').click()
  })
  await until('an event', async () => {
    await write(sessions.attack, 'something to happen')
    return (await answer(page).getByText('MESSAGE_WRITTEN').count()) > 0
  })
  assert.deepEqual(page.wrongs, [])
})

test('GraphiQL needs a sign-in, and comes back after it', async (t) => {
  const page = await open(t, `${address}/graphiql`)
  await page.getByLabel(/^Admin token/).waitFor()
  await page.getByLabel(/^Admin token/).fill(await adminToken())
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('link', { name: 'Query', exact: true }).waitFor()
  assert.equal(page.url(), `${address}/graphiql`)
})
