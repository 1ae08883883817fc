import { once } from 'node:events'
import { createServer } from 'node:http'

/** Where a channel's replies are pushed: a path for each channel type, and how it answers. */
export const answers = { slack: 200, sms: 422, pager: 503 }

let server
export let receiver

export async function listen() {
  let n = 0
  server = createServer((request, response) => {
    request.resume()
    const status = answers[request.url.slice(1)] ?? 404
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(status === 200 ? JSON.stringify({ platformMessageId: `p-${++n}` }) : 'no such number')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  receiver = `http://127.0.0.1:${server.address().port}`
}

export function hangUp() {
  server?.close()
  server?.closeAllConnections()
}
