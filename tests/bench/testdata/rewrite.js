// The same as the hook rewrite, as a script.
export function onMessage(message) {
  message.content.text = message.content.text.toUpperCase();
  return message;
}
