import { Code, ScrollArea, Text } from '@mantine/core'
import { readable } from '../lib/content'

/** Says shows a content: its text as text, whatever is in it, and what else it holds as JSON. */
export function Says({ content }: { content: string }) {
  const { text, sender, rest } = readable(content)
  return (
    <>
      {sender && (
        <Text size="xs" fw={600} style={{ overflowWrap: 'anywhere' }}>
          {sender}
        </Text>
      )}
      <Text size="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
        {text}
      </Text>
      {rest && (
        <ScrollArea.Autosize mah={200} viewportProps={{ tabIndex: 0, 'aria-label': 'The rest of the content' }}>
          <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
            {rest}
          </Code>
        </ScrollArea.Autosize>
      )}
    </>
  )
}
