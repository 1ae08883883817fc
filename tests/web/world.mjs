import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { launch } from './browser.mjs'
import * as engine from './engine.mjs'
import { bars } from './picture.mjs'
import { hangUp, listen, receiver } from './receiver.mjs'

/** What somebody who writes to a chat, or runs in a container, may try. */
export const injection = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script> [click](javascript:window.hurt=1) javascript:window.hurt=1'
export const hostileName = '<img src=x onerror=window.hurt=1>.html'
export const longName = 'Rechnungswesen, Reisekostenabrechnung und Beschaffung der Niederlassung Nordwest'

/** How long a page may take for a step, in milliseconds: machines that test are busy. */
const patience = Number(process.env.TWINBOX_TEST_PATIENCE ?? 90_000)

let browser
/** Where the first start of the engine said that one signs in. */
export let printedAddress
/** The ids of sessions, by what they are for. */
export const sessions = {}

/** newSession is a session of its own for a test, in a chat of its own. */
export async function newSession(name, { group = 'helpdesk', channel = 'chat', title = name } = {}) {
  const { messagingGroup } = await engine.mutate('ensureMessagingGroup', { channelType: channel, platformId: `${channel}-${name}`, name: title }, 'messagingGroup { id }')
  const { session } = await engine.mutate('resolveSession', { agentGroupId: group, messagingGroupId: messagingGroup.id }, 'session { id }')
  return (sessions[name] = session.id)
}

/** mark says of a session's container what an orchestrator would. */
export const mark = (sessionId, status) => engine.mutate('markContainer', { sessionId, status }, 'session { id }')

/** install makes or changes a hook of one of the files in hooks. */
export async function install(name, file, settings = {}) {
  const module = await readFile(new URL(`hooks/${file}`, import.meta.url), 'base64')
  await engine.mutate('installHook', { name, module, ...settings }, 'hook { name }')
}

/** file is an attachment as writeMessage takes it. */
export const file = (name, mimeType, bytes) => ({ name, mimeType, data: Buffer.from(bytes).toString('base64') })

/** begin starts the engine and the browser, and fills the engine. */
export async function begin() {
  await listen()
  ;[browser, printedAddress] = await Promise.all([
    launch(),
    engine.start(),
  ])
  for (const [id, name] of [['helpdesk', 'Helpdesk'], ['billing', 'Billing'], ['travel', longName]]) await engine.mutate('createAgentGroup', { id, name }, 'agentGroup { id }')
  await engine.mutate('setDestination', { agentGroupId: 'helpdesk', name: 'accountants', targetAgentGroupId: 'billing' }, 'destination { name }')
  for (const channel of ['slack', 'sms', 'pager']) await engine.mutate('setWebhook', { channelType: channel, url: `${receiver}/${channel}` }, 'webhook { id }')
  await install('redact', 'redact.js', { order: 10 })
  await install('redact', 'redact-2.js', { config: { word: '[address]' } })
  await install('translate', 'translate.js', { order: 20, onFailure: 'SKIP', scope: { agentGroupIds: ['travel'] } })
  await talk()
  await attack()
  await trouble()
  await newSession('noise', { channel: 'telegram', title: 'Noise' })
  await operate()
  await newSession('lost', { channel: 'slack', title: '#lost-and-found' })
}

/** A conversation with all that one may have: a file, a hook that changed it, a delivered answer, and what waits. */
async function talk() {
  const id = await newSession('talk', { channel: 'slack', title: '#ask-the-helpdesk' })
  const say = async (name, text, reply, more) => {
    await engine.write(id, text, { messageId: name, ...more })
    await engine.answer(id, 'printf', '%s', reply)
  }
  await say('hello', 'Good morning! The printer on the third floor prints everything twice.', 'Good morning. Does it do so from every computer, or from yours alone?')
  await say('chart', 'From every one. Here are the pages of this week, send the rest to ada@example.com please.', 'Wednesday is twice what it was. I have told the people who look after it.', {
    attachments: [file('pages.png', 'image/png', bars([0.3, 0.35, 0.7, 0.75, 0.8, 0.2, 0.1])), file('pages.csv', 'text/csv', 'day,pages\nMonday,300\nTuesday,350\nWednesday,700\n')],
  })
  await engine.write(id, 'And what does it cost?', { messageId: 'price' })
}

async function attack() {
  const id = await newSession('attack', { channel: 'telegram', title: '<b>Mallory</b>' })
  await engine.write(id, injection, { messageId: 'attack', attachments: [file(hostileName, 'text/html', '<script>parent.hurt=1</script>')] })
  await engine.answer(id)
}

/** What the first screen is for. */
async function trouble() {
  const failed = await newSession('undelivered', { channel: 'sms', group: 'billing', title: '+49 30 1234567' })
  for (const n of [1, 2]) await engine.write(failed, `Your invoice of ${n} July is overdue.`, { messageId: `invoice-${n}` })
  await engine.answer(failed)
  const given = await newSession('given-up', { channel: 'chat', group: 'billing', title: 'Accounts' })
  for (const n of [1, 2, 3]) await engine.write(given, `Book entry ${n} of the ledger`, { messageId: `entry-${n}` })
  await engine.answer(given, 'false')
  const late = await newSession('unsettled', { channel: 'pager', title: 'On call' })
  await engine.write(late, 'Disk 3 of db-eu-1 is 91% full', { messageId: 'disk' })
  await engine.answer(late)
  const group = await newSession('travel', { channel: 'slack', group: 'travel', title: 'Reisekosten: Abrechnungen, Vorschüsse und Belege des laufenden Jahres' })
  for (let n = 1; n <= 5; n++) await engine.write(group, `Fahrkarte ${n}`, { messageId: `trip-${n}` })
  const stuck = await newSession('stuck', { channel: 'chat', title: 'Night shift' })
  await engine.write(stuck, 'Reindex everything', { messageId: 'reindex' })
  await mark(stuck, 'RUNNING')
  await claimLongAgo(stuck, 'reindex')
}

/** What an operator did: the reason is kept. */
async function operate() {
  const filter = { sessionId: await newSession('tariffs', { title: 'Tariffs' }) }
  for (const n of [1, 2]) await engine.write(filter.sessionId, `What is the tariff of zone ${n}?`, { messageId: `zone-${n}` })
  await engine.answer(filter.sessionId, 'false')
  const preview = () => engine.query('query ($filter: SearchFilter!) { operationPreview(action: RETRY, filter: $filter) { count } }', { filter })
  await until('both to be found', async () => (await preview()).operationPreview.count === 2)
  await engine.mutate('startOperation', { action: 'RETRY', filter, reason: 'The tariff service was down until ten, and is back.', expectedCount: 2 }, 'operation { id }')
}

/** claimLongAgo is what a container leaves that took a message and then hung. */
async function claimLongAgo(session, message) {
  await engine.foreign(session, 'outbound', `INSERT INTO processing_ack (message_id, status, status_changed) VALUES ('${message}', 'processing', datetime('now', '-2 hours'))`)
  const beat = join(await engine.folder(session), '.heartbeat')
  await writeFile(beat, '')
  const then = Date.now() / 1000 - 6600
  await utimes(beat, then, then)
}

export async function finish() {
  await browser?.close()
  await engine.end('SIGTERM')
  hangUp()
}

/** open is a browser of its own, at an address, that notes what must not happen there. */
export async function open(t, at, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light', reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(patience)
  page.wrongs = []
  page.on('console', (m) => m.type() === 'error' && page.wrongs.push(m.text()))
  page.on('pageerror', (e) => page.wrongs.push(e.message))
  page.on('response', async (r) => r.status() >= 400 && page.wrongs.push(`${r.url()} answers ${r.status()} ${await r.text().catch(String)} to ${r.request().postData()}`))
  page.on('request', (r) => /^(blob|data):/.test(r.url()) || r.url().startsWith(engine.address) || page.wrongs.push(`asks for ${r.url()}`))
  const asked = new Set()
  page.on('request', (r) => asked.add(r))
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (r) => asked.delete(r))
  page.answered = () => asked.size === 0
  t.after(() => context.close())
  await page.goto(at)
  return page
}

/** openSignedIn is open at one of the console's paths, signed in. */
export async function openSignedIn(t, path = '/', options) {
  const { hash } = new URL(await engine.signInAddress())
  const page = await open(t, engine.address + path + hash, options)
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  return page
}

/** show goes to a path as a link of the console's does. */
export const show = (page, path) => page.evaluate((p) => history.pushState(null, '', p), path)

/** until waits for what no locator can tell. */
export async function until(what, holds, ms = patience) {
  for (const end = Date.now() + ms; !(await holds()); ) {
    if (Date.now() > end) throw new Error(`in vain waited for ${what}`)
    await new Promise((go) => setTimeout(go, 50))
  }
}

/** settled waits until nothing that a page asked for is outstanding, and it has been painted. */
export async function settled(page) {
  const frames = () => page.evaluate(() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go))))
  do await frames()
  while (!page.answered())
  await frames()
}
