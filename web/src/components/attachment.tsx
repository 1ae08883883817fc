import { Alert, Button, Code, Group, Image, Paper, ScrollArea, Stack, Text } from '@mantine/core'
import { IconDownload, IconEye } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { bytes, decoded, download, fetchFile, previewOf } from '../lib/files'
import { visible } from '../lib/visible'
import { Name } from './name'

export type AttachmentFile = { name: string; mimeType: string | null; size: number | null; url: string | null }

/** Attachment is a file of a session, with a look into it for what a browser shows safely. */
export function Attachment({ file }: { file: AttachmentFile }) {
  const [shown, setShown] = useState<{ address: string; text: string | null } | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const kind = previewOf(file.mimeType, file.size)
  useEffect(() => () => void (shown && URL.revokeObjectURL(shown.address)), [shown])
  const trying = (p: Promise<unknown>) => void p.catch((e: Error) => setProblem(e.message))
  const name = visible(file.name)
  const unfit = () => {
    setShown(null)
    setProblem('It cannot be shown: it is not what its type says, or damaged.')
  }
  const show = async () => {
    setProblem(null)
    const blob = await fetchFile(file.url!, file.mimeType)
    setShown({ address: URL.createObjectURL(blob), text: kind === 'text' ? await decoded(blob, file.mimeType) : null })
  }
  return (
    <Paper withBorder p="xs">
      <Stack gap="xs">
        <Group justify="space-between" gap="xs">
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            <Name of={file.name} />{' '}
            <Text span c="dimmed" size="xs">
              {file.mimeType && <Name of={file.mimeType} />}
              {file.mimeType && file.size !== null && ', '}
              {file.size !== null && bytes(file.size)}
            </Text>
          </Text>
          {file.url === null ? (
            <Text size="xs" c="dimmed">
              gone
            </Text>
          ) : (
            <Group gap="xs">
              {kind && (
                <Button size="compact-xs" variant="default" leftSection={<IconEye size={14} />} onClick={() => (shown ? setShown(null) : trying(show()))} aria-label={`${shown ? 'Hide' : 'Preview'} ${name}`}>
                  {shown ? 'Hide' : 'Preview'}
                </Button>
              )}
              <Button size="compact-xs" variant="default" leftSection={<IconDownload size={14} />} onClick={() => trying(download(file.url!, file.name))} aria-label={`Download ${name}`}>
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
        {shown && kind === 'image' && <Image src={shown.address} alt={name} onError={unfit} mah={400} maw="100%" w="auto" fit="contain" style={{ alignSelf: 'start' }} />}
        {shown && kind === 'audio' && <audio controls src={shown.address} onError={unfit} />}
        {shown && kind === 'video' && <video controls src={shown.address} onError={unfit} style={{ maxHeight: 400, maxWidth: '100%' }} />}
        {shown && kind === 'text' && (
          <ScrollArea.Autosize mah={400}>
            <Code block dir="auto">
              {shown.text}
            </Code>
          </ScrollArea.Autosize>
        )}
      </Stack>
    </Paper>
  )
}
