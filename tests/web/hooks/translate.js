// Fails each time, as one does whose configuration lacks what it needs.
export function onMessage(message, config) {
  message.content.text = config.dictionary.lookup(message.content.text)
  return message
}
