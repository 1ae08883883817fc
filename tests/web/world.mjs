import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import * as engine from './engine.mjs'

/** A picture of one pixel. */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='

/** What somebody who writes to a chat, or runs in a container, may try. */
export const injection = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script> [click](javascript:window.hurt=1) javascript:window.hurt=1'
export const hostileName = '<img src=x onerror=window.hurt=1>.html'

let browser
/** Where the first start of the engine said that one signs in. */
export let printedAddress
export const sessions = {}

/** begin starts the engine and the browser, and fills the engine. */
export async function begin() {
  ;[browser, printedAddress] = await Promise.all([
    chromium.launch({
      executablePath: process.env.TWINBOX_TEST_CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    }),
    engine.start(),
  ])
  await engine.run('agent-group', 'create', 'Helpdesk', '--id', 'helpdesk')
  for (const [name, channel, id] of [['talk', 'slack', 'C024BE91L'], ['attack', 'telegram', '42'], ['lost', 'slack', 'C0LOST']]) {
    const chat = await engine.ask('messaging-group', 'ensure', channel, id, '--name', `${name}s`)
    sessions[name] = (await engine.ask('session', 'resolve', '--agent-group', 'helpdesk', '--messaging-group', chat.id)).id
  }
  const files = join(engine.data, 'test-files')
  await mkdir(files)
  await writeFile(join(files, 'chart.png'), Buffer.from(pixel, 'base64'))
  await writeFile(join(files, hostileName), '<script>parent.hurt=1</script>')
  await writeFile(join(files, 'shout.js'), 'export function onMessage(message) { return message }\n')
  await engine.write(sessions.talk, 'What is in this picture?', '--id', 'picture', '--attach', join(files, 'chart.png'))
  await engine.answer(sessions.talk, 'echo', 'A single pixel, of one colour.')
  await engine.write(sessions.talk, 'And what does it cost?', '--id', 'price')
  await engine.write(sessions.attack, injection, '--id', 'attack', '--attach', join(files, hostileName))
  await engine.answer(sessions.attack)
  await engine.run('hook', 'install', join(files, 'shout.js'))
}

export async function finish() {
  await browser?.close()
  await engine.end('SIGTERM')
}

/** open is a browser of its own, at an address, that notes what must not happen there. */
export async function open(t, at, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  page.wrongs = []
  page.on('console', (m) => m.type() === 'error' && page.wrongs.push(m.text()))
  page.on('pageerror', (e) => page.wrongs.push(e.message))
  page.on('response', async (r) => r.status() >= 400 && page.wrongs.push(`${r.url()} answers ${r.status()} ${await r.text().catch(String)} to ${r.request().postData()}`))
  page.on('request', (r) => /^(blob|data):/.test(r.url()) || r.url().startsWith(engine.address) || page.wrongs.push(`asks for ${r.url()}`))
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
