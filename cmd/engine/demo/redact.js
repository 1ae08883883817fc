// Keeps e-mail addresses from the agent.
const address = /(?<![\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+/g

export function onMessage(message) {
  const text = message.content.text ?? ""
  const redacted = text.replace(address, "[an e-mail address]")
  if (redacted === text) return // pass
  message.content.text = redacted
  return message
}
