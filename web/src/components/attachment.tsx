import { Alert, Button, Code, Group, Image, Paper, ScrollArea, Stack, Text } from '@mantine/core'
import { IconDownload, IconEye } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { download, fetchFile, previewOf } from '../lib/files'

export type AttachmentFile = { name: string; mimeType: string | null; size: number | null; url: string | null }

const sizes = ['bytes', 'KB', 'MB', 'GB']
export function bytes(n: number) {
  const unit = Math.min(Math.floor(Math.log10(Math.max(n, 1)) / 3), sizes.length - 1)
  return `${unit ? (n / 1000 ** unit).toPrecision(3) : n} ${sizes[unit]}`
}

/** Attachment is a file of a session, with a look into it for what a browser shows safely. */
export function Attachment({ file }: { file: AttachmentFile }) {
  const [shown, setShown] = useState<{ address: string; text: string | null } | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const kind = previewOf(file.mimeType, file.size)
  useEffect(() => () => void (shown && URL.revokeObjectURL(shown.address)), [shown])
  const trying = (p: Promise<unknown>) => void p.catch((e: Error) => setProblem(e.message))
  const show = async () => {
    const blob = await fetchFile(file.url!, file.mimeType)
    setShown({ address: URL.createObjectURL(blob), text: kind === 'text' ? await blob.text() : null })
  }
  return (
    <Paper withBorder p="xs">
      <Stack gap="xs">
        <Group justify="space-between" gap="xs">
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {file.name}{' '}
            <Text span c="dimmed" size="xs">
              {[file.mimeType, file.size === null ? null : bytes(file.size)].filter(Boolean).join(', ')}
            </Text>
          </Text>
          {file.url === null ? (
            <Text size="xs" c="dimmed">
              gone
            </Text>
          ) : (
            <Group gap="xs">
              {kind && (
                <Button size="compact-xs" variant="default" leftSection={<IconEye size={14} />} onClick={() => (shown ? setShown(null) : trying(show()))} aria-label={`${shown ? 'Hide' : 'Preview'} ${file.name}`}>
                  {shown ? 'Hide' : 'Preview'}
                </Button>
              )}
              <Button size="compact-xs" variant="default" leftSection={<IconDownload size={14} />} onClick={() => trying(download(file.url!, file.name))} aria-label={`Download ${file.name}`}>
                Download
              </Button>
            </Group>
          )}
        </Group>
        {problem && (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        )}
        {shown && kind === 'image' && <Image src={shown.address} alt={file.name} mah={400} maw="100%" w="auto" fit="contain" style={{ alignSelf: 'start' }} />}
        {shown && kind === 'audio' && <audio controls src={shown.address} />}
        {shown && kind === 'video' && <video controls src={shown.address} style={{ maxHeight: 400, maxWidth: '100%' }} />}
        {shown && kind === 'text' && (
          <ScrollArea.Autosize mah={400}>
            <Code block>{shown.text}</Code>
          </ScrollArea.Autosize>
        )}
      </Stack>
    </Paper>
  )
}
