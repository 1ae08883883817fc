// Measures the console in a browser, against an engine that runs: prints a
// line of JSON for each operation.
import { launch } from './browser.mjs'

const [address, session, last] = process.argv.slice(2)
const times = 7
const wheels = 250

const browser = await launch()
const viewport = { width: 1440, height: 900 }

/** signedIn is what a browser keeps of a sign-in. */
async function signedIn() {
  const page = await (await browser.newContext()).newPage()
  await page.goto(address)
  await page.getByLabel(/^Admin token/).fill(process.env.ENGINE_TOKEN)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  return page.context().storageState()
}

/** opened is a page in a browser that has nothing in its cache, and when a text was painted in it, in milliseconds since it was asked for. */
async function opened(storageState, path, text) {
  const context = await browser.newContext({ storageState, viewport })
  const page = await context.newPage()
  await page.addInitScript((text) => {
    const seen = new Promise((done) => {
      const look = () => document.body?.textContent.includes(text) && requestAnimationFrame(() => setTimeout(() => done(performance.now())))
      new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true })
    })
    window.painted = () => seen
  }, text)
  await page.goto(address + path)
  return { page, took: await page.evaluate(() => window.painted()) }
}

/** frames are the times between frames while a page is scrolled by the wheel. */
async function frames(page) {
  await page.getByRole('log', { name: 'Conversation' }).hover()
  await page.evaluate(() => {
    window.frames = []
    let before = performance.now()
    const frame = (now) => {
      window.frames.push(now - before)
      before = now
      requestAnimationFrame(frame)
    }
    requestAnimationFrame((now) => ((before = now), requestAnimationFrame(frame)))
  })
  for (let i = 0; i < wheels; i++) await page.mouse.wheel(0, -240)
  return page.evaluate(() => window.frames)
}

function report(op, all) {
  const sorted = all.toSorted((a, b) => a - b)
  const p50 = sorted[Math.floor(sorted.length / 2)]
  console.log(JSON.stringify({ op, ops_per_s: 1000 / p50, p50_ms: p50, p99_ms: sorted.at(-1) }))
}

const storageState = await signedIn()
const first = []
const long = []
const scrolled = []
for (let i = 0; i < times; i++) {
  const screen = await opened(storageState, '/', 'Failed deliveries')
  first.push(screen.took)
  await screen.page.context().close()
  const conversation = await opened(storageState, `/sessions/${session}`, last)
  long.push(conversation.took)
  if (i === times - 1) scrolled.push(...(await frames(conversation.page)))
  await conversation.page.context().close()
}
report('first', first)
report('long', long)
report('frame', scrolled)
await browser.close()
