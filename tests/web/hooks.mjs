import assert from 'node:assert/strict'
import { test } from 'node:test'
import { query, write } from './engine.mjs'
import { install, newSession, openSignedIn, until } from './world.mjs'

const section = (page, name) => page.getByRole('region', { name, exact: true })

/** opened is a hook of a test's own, with two versions, and the page that shows it. */
async function opened(t, name) {
  await install(name, 'redact.js', { scope: { channelTypes: [name] }, order: 1 })
  await install(name, 'redact-2.js', { config: { word: '(gone)' } })
  const session = await newSession(name, { channel: name })
  const page = await openSignedIn(t, '/hooks')
  await page.getByRole('link', { name, exact: true }).click()
  await page.getByRole('heading', { name }).waitFor()
  return { page, session }
}

test('a hook is tried on a stored message, and the difference is shown', async (t) => {
  const { page } = await opened(t, 'tried')
  const trial = section(page, 'Try it')
  await trial.getByText('JSON of your own').click()
  await trial.getByRole('textbox', { name: 'Content' }).fill('{"text": "Write to ada@example.com"}')
  await trial.getByRole('button', { name: 'Try tried on it' }).click()
  const changes = trial.getByRole('figure', { name: 'What tried changes' })
  await changes.getByText('Write to ada@example.com').waitFor()
  await changes.getByText('Write to (gone)').waitFor()
  await trial.getByText(/fuel/).waitFor()
  await trial.getByText('A stored message').click()
  await trial.getByRole('combobox', { name: 'Stored message' }).fill('printer on the third floor')
  await page.getByRole('option', { name: /printer on the third floor.* · hello$/ }).click()
  await trial.getByRole('button', { name: 'Try tried on it' }).click()
  await trial.getByRole('status').getByText('pass', { exact: true }).waitFor()
  const { hook } = await query('{ hook(name: "tried") { stats { calls } } }')
  assert.ok(hook.stats.calls <= 1, 'a dry run is no call')
  assert.deepEqual(page.wrongs, [])
})

test('a hook goes back to a version of before, and to the new one again', async (t) => {
  const { page, session } = await opened(t, 'rolled')
  const said = async (id) => {
    const { writeMessage } = await query('mutation ($input: WriteMessageInput!) { writeMessage(input: $input) { message { contentText } } }', { input: { sessionId: session, messageId: id, content: { text: 'ada@example.com' } } })
    return JSON.parse(writeMessage.message.contentText).text
  }
  assert.equal(await said('rolled-1'), '(gone)')
  const versions = section(page, 'Versions')
  await versions.getByRole('button', { name: /^Use version/ }).click()
  const dialog = page.getByRole('dialog', { name: 'Use another version of rolled?' })
  await dialog.getByRole('button', { name: 'Use' }).click()
  await dialog.waitFor({ state: 'detached' })
  assert.equal(await said('rolled-2'), '[e-mail]')
  assert.equal(await versions.getByText('active', { exact: true }).count(), 1)
  assert.deepEqual(page.wrongs, [])
})

test('settings are changed, refused with a reason, and what is typed wrongly is not sent', async (t) => {
  const { page } = await opened(t, 'settled')
  const settings = section(page, 'Settings')
  const save = settings.getByRole('button', { name: 'Save settings' })
  const config = settings.getByRole('textbox', { name: 'Configuration' })
  await config.fill('{"word": ')
  await settings.getByText('This is not JSON.').waitFor()
  assert.ok(await save.isDisabled())
  await config.fill('{"word": "(kept)"}')
  await settings.getByRole('textbox', { name: 'Order' }).fill('7')
  await save.click()
  await page.getByText('order 7').waitFor()
  const { hook } = await query('{ hook(name: "settled") { order config scope { channelTypes } } }')
  assert.deepEqual(hook, { order: 7, config: { word: '(kept)' }, scope: { channelTypes: ['settled'] } })
  await page.getByRole('switch', { name: 'Enabled' }).click({ force: true })
  await until('the hook to be disabled', async () => !(await query('{ hook(name: "settled") { enabled } }')).hook.enabled)
  assert.deepEqual(page.wrongs, [])
})

test('calls are shown as they come, with their time and fuel; removing a hook names what it destroys', async (t) => {
  const { page, session } = await opened(t, 'counted')
  await section(page, 'Calls since the engine was started').getByText('None yet.').waitFor()
  await write(session, 'Write to ada@example.com', { messageId: 'counted-1' })
  await page.getByText('1, of which 0 failed').waitFor()
  await page.getByRole('img', { name: 'Calls a minute over the last hour: 1 in the last hour, 0 failed' }).waitFor()
  await page.getByRole('img', { name: 'Time of a call' }).waitFor()
  await page.getByText(/A call takes [\d,]+ of its [\d,]+ fuel/).waitFor()
  await section(page, 'Log').getByText('took an address out of counted-1').waitFor()
  await page.getByRole('button', { name: 'Remove hook' }).click()
  const dialog = page.getByRole('dialog', { name: 'Remove counted?' })
  await dialog.getByText('All 2 versions, the configuration, the scope and the limits of counted are destroyed.').waitFor()
  await dialog.getByRole('button', { name: 'Back' }).click()
  await page.getByRole('button', { name: 'Remove hook' }).click()
  await dialog.getByRole('button', { name: 'Remove hook' }).click()
  await page.getByRole('heading', { name: 'Hooks', exact: true }).waitFor()
  assert.equal((await query('{ hook(name: "counted") { name } }')).hook, null)
  assert.deepEqual(page.wrongs, [])
})
