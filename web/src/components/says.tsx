import { Button, Code, ScrollArea, Text } from '@mantine/core'
import { useMemo, useState, type ReactNode } from 'react'
import { readable } from '../lib/content'
import { bytes } from '../lib/files'
import { Name } from './name'

/** So much of a text is shown at first: longer ones are tall, and slow to draw. */
const mostCharacters = 20_000
const mostLines = 200

/** Says shows a content: its text as text, whatever is in it, and what else it holds as JSON. */
export function Says({ content }: { content: string }) {
  const { text, sender, rest } = useMemo(() => readable(content), [content])
  return (
    <>
      {sender && (
        <Text size="xs" fw={600} style={{ overflowWrap: 'anywhere' }}>
          <Name of={sender} />
        </Text>
      )}
      <Long text={text}>
        {(shown) => (
          <Text size="sm" dir="auto" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
            {shown}
          </Text>
        )}
      </Long>
      {rest && (
        <Long text={rest}>
          {(shown) => (
            <ScrollArea.Autosize mah={200} viewportProps={{ tabIndex: 0, 'aria-label': 'The rest of the content' }}>
              <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                {shown}
              </Code>
            </ScrollArea.Autosize>
          )}
        </Long>
      )}
    </>
  )
}

/** Long shows the beginning of a text, and all of it when asked. */
function Long({ text, children }: { text: string; children: (shown: string) => ReactNode }) {
  const [whole, setWhole] = useState(false)
  const end = useMemo(() => beginning(text), [text])
  return (
    <>
      {children(whole ? text : text.slice(0, end))}
      {end < text.length && !whole && (
        <Button size="compact-xs" variant="default" style={{ alignSelf: 'start' }} onClick={() => setWhole(true)}>
          Show all {bytes(new Blob([text]).size)}
        </Button>
      )}
    </>
  )
}

/** beginning is how much of a text is shown at first. */
function beginning(text: string) {
  let end = 0
  for (let line = 0; line < mostLines && end < mostCharacters && end < text.length; line++) {
    const next = text.indexOf('\n', end)
    end = next < 0 ? text.length : next + 1
  }
  end = Math.min(end, mostCharacters)
  // Not within a character that has two halves.
  return /[\ud800-\udbff]/.test(text.charAt(end - 1)) && end < text.length ? end - 1 : end
}
