import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foreign, mutate, query, write } from './engine.mjs'
import { newSession, openSignedIn, until } from './world.mjs'

/** fill gives a session so many messages and as many answers, each a second after the other, by another host's hand. */
export async function fill(session, count) {
  const rows = (what) => `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) ${what}`
  const begun = Math.floor(Date.now() / 1000) - 2 * count - 1
  const at = (plus) => `strftime('%Y-%m-%dT%H:%M:%fZ', ${begun} + 2 * i + ${plus}, 'unixepoch')`
  await foreign(session, 'inbound', rows(`INSERT INTO delivered (message_out_id, platform_message_id, status, delivered_at) SELECT 'answer-' || i, NULL, 'delivered', ${at(1)} FROM n`))
  await foreign(session, 'inbound', rows(`INSERT INTO messages_in (id, seq, kind, timestamp, status, content) SELECT 'question-' || i, 2 * i, 'chat', ${at(0)}, 'completed', json_object('text', 'Question ' || i || ': what about it?' || substr(' It takes a line or two to say, now and then, and sometimes three, so that rows differ.', 1, i % 90)) FROM n`))
  await foreign(session, 'outbound', rows(`INSERT INTO messages_out (id, seq, in_reply_to, timestamp, kind, content) SELECT 'answer-' || i, 2 * i + 1, 'question-' || i, ${at(1)}, 'chat', json_object('text', 'Answer ' || i) FROM n`))
}

/** visible are the names of the rows that are in sight, and where each begins. */
const visible = (log) =>
  log.evaluate((box) => {
    const { top, bottom } = box.getBoundingClientRect()
    return [...box.querySelectorAll('article, [role=article]')].map((a) => ({ name: a.getAttribute('aria-label'), at: a.getBoundingClientRect() })).filter(({ at }) => at.bottom > top && at.top < bottom).map(({ name, at }) => ({ name, top: at.top - top }))
  })

test('a session with 50,000 messages opens at its end, scrolls in order, and is live', async (t) => {
  const session = await newSession('long')
  await fill(session, 25_000)
  const page = await openSignedIn(t, `/sessions/${session}`)
  const log = page.getByRole('log', { name: 'Conversation' })
  await log.getByText('Answer 25000').waitFor()
  assert.equal((await visible(log)).at(-1).name, 'Reply answer-25000')

  // Up through several pages, in order and without a gap.
  const order = (name) => 2 * Number(/\d+$/.exec(name)[0]) + (name.startsWith('Reply') ? 1 : 0)
  await log.hover()
  let seen = order((await visible(log))[0].name)
  const target = seen - 700
  while (seen > target) {
    const before = await log.evaluate((box) => box.scrollTop)
    await page.mouse.wheel(0, -600)
    await page.waitForFunction(([box, before]) => box.scrollTop !== before, [await log.elementHandle(), before])
    const names = (await visible(log)).map((v) => order(v.name))
    for (let i = 1; i < names.length; i++) assert.equal(names[i], names[i - 1] + 1, `rows in sight: ${names}`)
    assert.ok(names[0] <= seen && names.at(-1) >= seen - 1, `from ${seen} to ${names}: nothing is leapt over`)
    seen = names[0]
  }
  assert.ok((await log.getByRole('article').count()) < 60, 'rows that nobody sees are left out')

  // What comes does not move what is read, and is counted.
  const reading = await visible(log)
  await write(session, 'And one more', { messageId: 'more' })
  await page.getByRole('button', { name: '1 new' }).waitFor()
  assert.deepEqual(await visible(log), reading)
  const burst = Array.from({ length: 60 }, (_, i) => ({ sessionId: session, messageId: `burst-${i}`, content: { text: `More than a page, ${i}` } }))
  await query('mutation ($messages: [WriteMessageInput!]!) { writeMessages(input: { messages: $messages }) { userErrors { message } } }', { messages: burst })
  await page.getByRole('button', { name: '61 new' }).waitFor()
  assert.deepEqual(await visible(log), reading)
  await page.getByRole('button', { name: '61 new' }).click()
  await log.getByText('More than a page, 59').waitFor()
  const { session: s } = await query('query ($id: ID!) { session(id: $id) { messages(last: 61) { nodes { messageId seq } } } }', { id: session })
  assert.deepEqual(s.messages.nodes.slice(0, 1), [{ messageId: 'more', seq: 50_002 }])
  assert.deepEqual(page.wrongs, [])
})

test('more sessions than a page has are shown on, without a gap when others come', async (t) => {
  await mutate('createAgentGroup', { id: 'crowd', name: 'Crowd' }, 'agentGroup { id }')
  const crowd = (from, to) => Promise.all(Array.from({ length: to - from }, (_, i) => newSession(`crowd-${from + i}`, { group: 'crowd' })))
  const ids = await crowd(0, 55)
  const page = await openSignedIn(t, '/sessions?group=crowd')
  const links = page.locator('tbody a')
  await page.getByRole('button', { name: 'Show more' }).click()
  await until('all', async () => (await links.count()) === 55)
  ids.push(...(await crowd(55, 58)))
  await until('the new ones, too', async () => (await links.count()) === 58)
  assert.deepEqual((await links.allTextContents()).toSorted(), ids.toSorted())
  assert.deepEqual(page.wrongs, [])
})
