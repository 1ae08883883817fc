// Keeps e-mail addresses from the agent.
const address = /[\w.+-]+@[\w-]+(\.[\w-]+)+/g

export function onMessage(message) {
  const text = message.content.text ?? ''
  const redacted = text.replace(address, '[e-mail]')
  if (redacted === text) return
  console.log(`took an address out of ${message.id}`)
  message.content.text = redacted
  return message
}
