// Keeps e-mail addresses from the agent.
const address = /[\w.+-]+@[\w-]+(\.[\w-]+)+/g

export function onMessage(message) {
  const text = message.content.text ?? ""
  if (!address.test(text)) return // pass
  message.content.text = text.replace(address, "[an e-mail address]")
  return message
}
