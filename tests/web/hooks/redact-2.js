// Keeps e-mail addresses from the agent, and says what it does in its own words.
const address = /[\w.+-]+@[\w-]+(\.[\w-]+)+/g

export function onMessage(message, config) {
  const text = message.content.text ?? ''
  const redacted = text.replace(address, config?.word ?? '[an address]')
  if (redacted === text) return
  console.log(`took an address out of ${message.id}`)
  message.content.text = redacted
  return message
}
