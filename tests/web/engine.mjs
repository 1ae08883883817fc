import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const binary = process.env.TWINBOX_TEST_ENGINE
export const data = process.env.TWINBOX_TEST_DATA

/** run is a command of the engine's, against the one that runs; it returns what it prints. */
export async function run(...args) {
  const { stdout } = await promisify(execFile)(binary, args, { env: { ...process.env, ENGINE_DATA: data } })
  return stdout
}

let running
/** Where the engine listens, also after a restart. */
export let address

/** start returns the address that the engine prints, if it does, for signing in. */
export async function start() {
  const port = address ? new URL(address).port : await freePort()
  running = spawn(binary, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`, '--webhook-allow-private', '--log-level', 'error'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const printed = []
  for await (const line of createInterface(running.stdout)) if (printed.push(line) === 2) break
  address = /^listening on (\S+)$/.exec(printed[0])[1]
  return /^open (\S+)/.exec(printed[1])?.[1]
}

/** end is one of the engine's process, by SIGTERM or SIGKILL. */
export async function end(signal) {
  const exit = once(running, 'exit')
  running.kill(signal)
  await exit
}

/** hang stops the engine's process where it is, and resume lets it go on. */
export const hang = () => running.kill('SIGSTOP')
export const resume = () => running.kill('SIGCONT')

/** signInAddress is a fresh one. */
export const signInAddress = async () => (await run('console')).trim()

let token
export const adminToken = async () => (token ??= (await readFile(join(data, 'admin-token'), 'utf8')).trim())

/** query is the data that the API answers to the admin. */
export async function query(document, variables) {
  const r = await fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await adminToken()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: document, variables }),
  })
  const answer = await r.json()
  if (answer.errors) throw new Error(JSON.stringify(answer.errors))
  return answer.data
}

/** mutate is what one mutation answers, which is to have no errors. */
export async function mutate(name, input, selection) {
  const type = name[0].toUpperCase() + name.slice(1)
  const { [name]: payload } = await query(`mutation ($input: ${type}Input!) { ${name}(input: $input) { ${selection} userErrors { message } } }`, { input })
  if (payload.userErrors.length) throw new Error(`${name}: ${JSON.stringify(payload.userErrors)}`)
  return payload
}

/** write puts a message into a session. */
export const write = (sessionId, text, { attachments, ...more } = {}) =>
  mutate('writeMessage', { sessionId, content: attachments ? { text, attachments } : { text }, ...more }, 'message { messageId }')

/** folder is where a session's files lie. */
export async function folder(id) {
  const { session } = await query('query ($id: ID!) { session(id: $id) { folder } }', { id })
  return join(data, session.folder)
}

/** answer lets an agent answer all that is due in a session; it says what it was told, unless command does otherwise. */
export async function answer(session, ...command) {
  await run('agent', '--workspace', await folder(session), '--once', '--', ...(command.length ? command : ['cat']))
}

/** foreign runs SQL on a session's database, inbound or outbound, by an SQLite that is not the engine's. */
export async function foreign(session, database, sql) {
  await promisify(execFile)(process.env.TWINBOX_TEST_FOREIGN, ['exec', await folder(session), database, sql])
}

async function freePort() {
  const s = createServer().listen(0, '127.0.0.1')
  await once(s, 'listening')
  const { port } = s.address()
  await promisify(s.close.bind(s))()
  return port
}
