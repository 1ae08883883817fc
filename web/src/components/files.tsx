import { Group, Paper, Text } from '@mantine/core'
import { gone } from '../lib/content'
import { Attachment, type AttachmentFile } from './attachment'
import { Name } from './name'

type Props = {
  files: AttachmentFile[]
  /** What says which files there ought to be. */
  content: string
  delivered: boolean
}

/** Files are those of a reply, and the names of those that are not kept: the engine removes them after the delivery. */
export function Files({ files, content, delivered }: Props) {
  return (
    <>
      {files.map((f, i) => (
        <Attachment key={i} file={f} />
      ))}
      {gone(content, files).map((name, i) => (
        <Paper key={i} withBorder p="xs">
          <Group justify="space-between" gap="xs">
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              <Name of={name} />
            </Text>
            <Text size="xs" c="dimmed">
              {delivered ? 'delivered, and not kept' : 'not there'}
            </Text>
          </Group>
        </Paper>
      ))}
    </>
  )
}
