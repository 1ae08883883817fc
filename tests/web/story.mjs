import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer, query, write } from './engine.mjs'
import { answers } from './receiver.mjs'
import { newSession, openSignedIn, sessions } from './world.mjs'

const steps = ['Received', 'Hooks', 'Written', 'Claimed by the container', 'Acknowledged', 'Answered']

test('a message’s story goes from its receipt to its delivery, with its files', async (t) => {
  const page = await openSignedIn(t, `/sessions/${sessions.talk}/messages/chart`)
  await page.getByRole('article', { name: /^Reply/ }).getByText('Wednesday is twice what it was').waitFor()
  assert.deepEqual(await page.getByRole('heading', { level: 2 }).allTextContents(), steps)
  await page.getByText('send the rest to [address] please').waitFor()
  await page.getByRole('article', { name: /^Reply/ }).getByText('delivered', { exact: true }).waitFor()
  await page.getByText(/^to slack · slack-talk · 1 attempt · p-\d+$/).waitFor()
  await page.getByRole('button', { name: 'Preview pages.csv' }).click()
  await page.getByText('Wednesday,700').waitFor()
  const kept = page.getByRole('list', { name: 'What each hook did' })
  await kept.getByRole('link', { name: 'redact' }).waitFor()
  assert.match(await kept.innerText(), /^redact\s+replace\s+[\d.]+ (µs|ms) · [\d.]+K? fuel · version [0-9a-f]{8}\s+\/text changed, 89 bytes → 83 bytes$/i)
  await page.getByText(/^On disk .+\. The answer goes to slack · slack-talk\.$/).waitFor()
  await page.getByRole('button', { name: 'Try today’s hooks on it' }).first().click()
  await page.getByRole('status').getByRole('link', { name: 'redact' }).waitFor()
  const time = page.locator('time').first()
  assert.match(await time.getAttribute('title'), /^\d+ \w+ \d{4}, \d\d:\d\d:\d\d$/)
  assert.deepEqual(page.wrongs, [])
})

test('a delivery that failed says why, and is made up for', async (t) => {
  const session = await newSession('made-up', { channel: 'sms' })
  await write(session, 'Your parcel is here', { messageId: 'parcel' })
  await answer(session)
  const page = await openSignedIn(t, `/sessions/${session}/messages/parcel`)
  const reply = page.getByRole('article', { name: /^Reply/ })
  await reply.getByText('the webhook answered 422 Unprocessable Entity').waitFor()
  answers.sms = 200
  t.after(() => (answers.sms = 422))
  await reply.getByRole('button', { name: 'Deliver now' }).click()
  const dialog = page.getByRole('dialog', { name: 'Deliver this reply now?' })
  await dialog.getByText('to sms · sms-made-up').waitFor()
  await dialog.getByRole('button', { name: 'Deliver now' }).click()
  await reply.getByText('delivered', { exact: true }).waitFor()
  assert.equal(await reply.getByText('The last attempt failed').count(), 0)
  assert.deepEqual(page.wrongs, [])
})

test('the story follows what happens: written, answered by an agent, delivered', async (t) => {
  const session = await newSession('told', { channel: 'slack' })
  await write(session, 'Tell me when you are done', { messageId: 'told-1' })
  const page = await openSignedIn(t, `/sessions/${session}/messages/told-1`)
  await page.getByText('It waits for the container.').waitFor()
  await page.getByText('No reply says that it answers this message.').waitFor()
  await answer(session, 'printf', 'Done.')
  await page.getByRole('article', { name: /^Reply/ }).getByText('Done.').waitFor()
  await page.getByText(/The container has done its work on it\. (now|\d+s ago)/).waitFor()
  await page.getByRole('article', { name: /^Reply/ }).getByText('delivered', { exact: true }).waitFor()
  assert.deepEqual(page.wrongs, [])
})

test('a file that went out with a reply is named after it', async (t) => {
  const session = await newSession('sent-file', { channel: 'slack' })
  await write(session, 'Send me the list', { messageId: 'sent-file-1' })
  await answer(session, 'sh', '-c', 'echo 1 >"$TWINBOX_OUTBOX/list.txt"; echo Here it is')
  const page = await openSignedIn(t, `/sessions/${session}/messages/sent-file-1`)
  const reply = page.getByRole('article', { name: /^Reply/ })
  await reply.getByText('delivered', { exact: true }).waitFor()
  await reply.getByText('list.txt').waitFor()
  await reply.getByText('delivered, and not kept').waitFor()
  await page.getByRole('link', { name: `Session ${session}` }).click()
  await page.getByRole('log', { name: 'Conversation' }).getByText('delivered, and not kept').waitFor()
  assert.deepEqual(page.wrongs, [])
})

test('a message is paused, resumed, cancelled and retried, each after saying what that means', async (t) => {
  const session = await newSession('acted')
  await write(session, 'Wait for it', { messageId: 'acted-1' })
  const page = await openSignedIn(t, `/sessions/${session}/messages/acted-1`)
  const act = async (button, says) => {
    await page.getByRole('button', { name: button, exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText(says).waitFor()
    await dialog.getByRole('button', { name: button, exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
  }
  await act('Pause', 'The container is not given acted-1 until somebody resumes it.')
  await page.getByText('An operator holds it back.').waitFor()
  await act('Resume', 'acted-1 waits for the container again.')
  await page.getByText('It waits for the container.').waitFor()
  await act('Cancel message', 'The container never sees acted-1.')
  await page.getByText('An operator called it off.').waitFor()
  await act('Retry', 'under a new id')
  await page.getByText('It waits for the container.').waitFor()
  const { session: s } = await query('query ($id: ID!) { session(id: $id) { messages(first: 5) { nodes { status } } } }', { id: session })
  assert.deepEqual(s.messages.nodes.map((m) => m.status), ['CANCELLED', 'PENDING'])
  assert.deepEqual(page.wrongs, [])
})

test('a reply is paused, resumed and called off', async (t) => {
  const session = await newSession('held', { channel: 'pager' })
  await write(session, 'Wake somebody up', { messageId: 'held-1' })
  await answer(session)
  const page = await openSignedIn(t, `/sessions/${session}/messages/held-1`)
  const reply = page.getByRole('article', { name: /^Reply/ })
  const act = async (button, says, status) => {
    await reply.getByRole('button', { name: button, exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText(says).waitFor()
    await dialog.getByRole('button', { name: button, exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
    await reply.getByText(status, { exact: true }).waitFor()
  }
  await reply.getByText('the webhook answered 503 Service Unavailable').waitFor()
  await act('Pause', 'until somebody resumes it', 'paused')
  await act('Resume', 'to pager · pager-held', 'pending')
  await act('Cancel reply', 'pager · pager-held never gets it', 'cancelled')
  assert.deepEqual(page.wrongs, [])
})
