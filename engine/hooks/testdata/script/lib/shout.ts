export function shout<T extends string>(text: T): string {
  if (text === 'fail') {
    const nothing = undefined as unknown as { there: string };
    return nothing.there;
  }
  return text.toUpperCase();
}
