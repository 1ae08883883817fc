import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, answer, query, write } from './engine.mjs'
import { newSession, openSignedIn, show, until } from './world.mjs'

const results = (page) => page.getByRole('region', { name: 'Results' })
const rows = (page) => results(page).getByRole('article')
const snippets = (page) => rows(page).locator('a').allTextContents()

async function choose(page, label, option) {
  await page.getByRole('combobox', { name: label, exact: true }).click()
  await page.getByRole('option', { name: option, exact: true }).click()
}

test('a message is found by text, and one that comes later by itself; the address is the filter', async (t) => {
  const session = await newSession('found', { channel: 'matrix', title: 'Library' })
  await write(session, 'Where do the Zürich catalogues stand?', { messageId: 'found-1' })
  const page = await openSignedIn(t, '/messages')
  await page.getByRole('searchbox', { name: 'Search messages and replies' }).fill('zurich "catalogues stand"')
  await results(page).getByText('Zürich catalogues').waitFor()
  await page.getByText('1, newest first', { exact: true }).waitFor()
  assert.equal(new URL(page.url()).searchParams.get('text'), 'zurich "catalogues stand"')
  await write(session, 'The ZÜRICH catalogues stand in the cellar', { messageId: 'found-2' })
  await page.getByText('2, newest first', { exact: true }).waitFor()
  assert.match((await snippets(page))[0], /cellar/)
  const other = await openSignedIn(t, new URL(page.url()).pathname + new URL(page.url()).search)
  await other.getByText('2, newest first', { exact: true }).waitFor()
  assert.deepEqual(await snippets(other), await snippets(page))
  await rows(other).first().getByRole('link').click()
  await other.getByRole('heading', { name: 'found-2' }).waitFor()
  assert.deepEqual(page.wrongs.concat(other.wrongs), [])
})

test('messages are found by id, agent group, channel, status and age', async (t) => {
  const page = await openSignedIn(t, '/messages')
  await page.getByRole('button', { name: 'Filter' }).click()
  const id = page.getByRole('textbox', { name: 'Id', exact: true })
  await id.fill('invoice-1')
  await id.press('Enter')
  await page.getByText('1, newest first', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Clear the filter' }).click()

  await choose(page, 'Agent group', 'Billing')
  await choose(page, 'Message status', 'failed')
  await page.keyboard.press('Escape')
  await page.getByText('3, newest first', { exact: true }).waitFor()
  assert.deepEqual((await snippets(page)).toSorted(), [1, 2, 3].map((n) => `Book entry ${n} of the ledger`))
  await page.getByRole('button', { name: 'Clear the filter' }).click()

  const channel = page.getByRole('textbox', { name: 'Channel type' })
  await channel.fill('sms')
  await channel.press('Enter')
  await choose(page, 'Direction', 'Replies')
  await page.getByText('2, newest first', { exact: true }).waitFor()
  await choose(page, 'Age', 'Older than a day')
  await page.getByText('Nothing is like that').waitFor()
  await choose(page, 'Age', 'Of the last hour')
  await page.getByText('2, newest first', { exact: true }).waitFor()
  assert.deepEqual(Object.fromEntries(new URL(page.url()).searchParams), { channel: 'sms', direction: 'OUT', age: '1h' })
  await page.reload()
  await page.getByText('2, newest first', { exact: true }).waitFor()
  assert.deepEqual(page.wrongs, [])
})

test('more than a page is read as one scrolls', async (t) => {
  const session = await newSession('many')
  const input = Array.from({ length: 100 }, (_, i) => ({ sessionId: session, messageId: `many-${i}`, content: { text: `one of many, ${i}` } }))
  for (const half of [input, input.map((m) => ({ ...m, messageId: `${m.messageId}-again`, content: { text: 'and again' } }))]) await query('mutation ($messages: [WriteMessageInput!]!) { writeMessages(input: { messages: $messages }) { userErrors { message } } }', { messages: half })
  const page = await openSignedIn(t, `/messages?session=${session}`)
  await page.getByText('The newest 50, newest first').waitFor()
  await results(page).focus()
  await until('the oldest one', async () => {
    await page.keyboard.press('End')
    return results(page).getByText('one of many, 0', { exact: true }).isVisible()
  })
  await page.getByText('200, newest first', { exact: true }).waitFor()
  assert.ok((await rows(page).count()) < 60, 'rows that nobody sees are left out')
})

test('what a filter selects is retried as one, with its count and a reason, and keeps its order', async (t) => {
  const session = await newSession('retried')
  for (let n = 1; n <= 12; n++) await write(session, `count to ${n}`, { messageId: `count-${n}` })
  await answer(session, 'false')
  const page = await openSignedIn(t, `/messages?session=${session}&status=FAILED`)
  await page.getByText('12, newest first', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Retry all' }).click()
  const dialog = page.getByRole('dialog', { name: 'Retry all that match?' })
  await dialog.getByText('12 messages of 1 session').waitFor()
  const go = dialog.getByRole('button', { name: 'Retry all' })
  assert.ok(await go.isDisabled(), 'a reason is asked for')
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('The ledger is back')
  await go.click()
  await dialog.getByText('12 of 12 done').waitFor()
  await dialog.getByRole('button', { name: 'Done' }).click()
  await answer(session)
  const { session: s } = await query('query ($id: ID!) { session(id: $id) { replies(first: 20) { nodes { contentText } } } }', { id: session })
  assert.deepEqual(s.replies.nodes.map((r) => JSON.parse(r.contentText).text), Array.from({ length: 12 }, (_, i) => `count to ${i + 1}`))

  await page.getByRole('link', { name: 'Operations' }).click()
  const kept = page.getByRole('article', { name: 'retry: The ledger is back' })
  await kept.getByText('12 of 12 done').waitFor()
  await kept.getByText('completed', { exact: true }).waitFor()
  await show(page, `/sessions/${session}/messages/count-3`)
  const marks = page.getByRole('list', { name: 'What operations did with it' })
  await marks.getByText('The ledger is back').waitFor()
  await marks.getByRole('link').last().click()
  await page.getByText('Written by an operation').waitFor()
  assert.deepEqual(page.wrongs, [])
})

test('what changed since it was counted is not acted on unseen', async (t) => {
  const session = await newSession('recounted')
  await write(session, 'the first', { messageId: 'recounted-1' })
  const page = await openSignedIn(t, `/messages?session=${session}`)
  await page.getByText('1, newest first', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Cancel all' }).click()
  const dialog = page.getByRole('dialog', { name: 'Cancel all that match?' })
  await dialog.getByText('1 message of 1 session').waitFor()
  await write(session, 'the second', { messageId: 'recounted-2' })
  await results(page).getByText('the second').waitFor({ state: 'attached' })
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('Too late')
  await dialog.getByRole('button', { name: 'Cancel all' }).click()
  await dialog.getByRole('alert').getByText('Nothing was done').waitFor()
  await dialog.getByText('2 messages of 1 session').waitFor()
  await dialog.getByRole('button', { name: 'Cancel all' }).click()
  await dialog.getByText('2 of 2 done').waitFor()
})

test('what waits is paused, resumed and cancelled as one, and the page says what that destroys', async (t) => {
  const session = await newSession('cancelled')
  for (let n = 1; n <= 3; n++) await write(session, `nobody needs this, ${n}`)
  const page = await openSignedIn(t, `/messages?session=${session}`)
  await page.getByText('3, newest first', { exact: true }).waitFor()
  for (const [button, title, says, status] of [
    ['Pause all', 'Pause all that match?', 'until somebody resumes them', 'paused'],
    ['Resume all', 'Resume all that match?', 'wait for their container again', 'pending'],
    ['Cancel all', 'Cancel all that match?', 'never seen by a container', 'cancelled'],
  ]) {
    await page.getByRole('button', { name: button }).click()
    const dialog = page.getByRole('dialog', { name: title })
    await dialog.getByText(says).waitFor()
    await dialog.getByText('3 messages of 1 session').waitFor()
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('Sent by mistake')
    await dialog.getByRole('button', { name: button }).click()
    await dialog.getByText('3 of 3 done').waitFor()
    await dialog.getByRole('button', { name: 'Done' }).click()
    await rows(page).getByText(status, { exact: true }).nth(2).waitFor()
  }
  assert.equal(page.url(), `${address}/messages?session=${session}`)
  assert.deepEqual(page.wrongs, [])
})
