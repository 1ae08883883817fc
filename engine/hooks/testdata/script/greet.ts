import { shout } from './lib/shout';
import words from './lib/words.json';

interface Message {
  content: { text: string };
}

export function onMessage(message: Message): Message | undefined {
  if (!message.content.text) return undefined;
  return { ...message, content: { text: shout<string>(message.content.text) + words.end } };
}
