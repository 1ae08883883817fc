import { Alert, Button, Group, List, Modal, Progress, Stack, Text, Textarea } from '@mantine/core'
import { useState } from 'react'
import { useClient } from 'urql'
import type { SearchFilter } from '../gql/graphql'
import { matching, mostActedOn, useBulk, type Deed } from '../lib/bulk'
import { exact } from '../lib/figures'
import type { Hit } from '../lib/search'

const words = {
  retry: { button: 'Retry all', title: 'Retry all that match?', does: 'Failed and cancelled messages are written once more, each under a new id; replies that failed, were dropped or may be lost are delivered now, those of unknown outcome perhaps a second time.' },
  cancel: { button: 'Cancel all', title: 'Cancel all that match?', does: 'Messages that wait or are paused are never seen by a container, and what recurs among them comes no more. What they say stays and can be read.' },
} satisfies Record<Deed, unknown>

/** Bulk retries or cancels all that a filter selects, after it has said how many that is. */
export function Bulk({ filter }: { filter: SearchFilter }) {
  const client = useClient()
  const { progress: p, start, stop, clear } = useBulk()
  const [deed, setDeed] = useState<Deed | null>(null)
  const [hits, setHits] = useState<Hit[] | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [reason, setReason] = useState('')
  const ask = (d: Deed) => {
    clear()
    setDeed(d)
    setHits(null)
    setProblem(null)
    matching(client, filter, d).then(setHits, (e: Error) => setProblem(e.message))
  }
  const close = () => p?.running || setDeed(null)
  const text = words[deed ?? 'retry']
  const sessions = new Set(hits?.map((h) => h.sessionId)).size
  const count = hits && `${hits.length === mostActedOn ? 'The newest ' : ''}${exact(hits.length)} of ${exact(sessions)} ${sessions === 1 ? 'session' : 'sessions'}`
  return (
    <>
      <Group gap="xs">
        {(['retry', 'cancel'] as const).map((d) => (
          <Button key={d} size="xs" variant="default" onClick={() => ask(d)}>
            {words[d].button}…
          </Button>
        ))}
      </Group>
      <Modal opened={deed !== null} onClose={close} title={text.title} closeButtonProps={{ 'aria-label': 'Close', disabled: p?.running }}>
        <Stack>
          <Text size="sm">{text.does}</Text>
          {problem && (
            <Alert color="red" role="alert">
              {problem}
            </Alert>
          )}
          {!p && hits && (
            <Text size="sm" fw={600} role="status">
              {hits.length === 0 ? 'None that the filter selects can be.' : `${count}, one after the other, oldest first.`}
            </Text>
          )}
          {!p && !hits && !problem && <Text size="sm">Counting…</Text>}
          {!p && hits !== null && hits.length > 0 && <Textarea label="Reason" description="Is shown with the result" value={reason} onChange={(e) => setReason(e.currentTarget.value)} required autosize data-autofocus />}
          {p && (
            <>
              <Progress.Root size="lg" aria-label="Progress">
                <Progress.Section value={(100 * p.done) / p.of} color="green" aria-label="done" />
                <Progress.Section value={(100 * p.refused.length) / p.of} color="red" aria-label="refused" />
              </Progress.Root>
              <Text size="sm" role="status">
                {exact(p.done)} of {exact(p.of)} done{p.refused.length > 0 && `, ${exact(p.refused.length)} refused`}
                {p.running ? '' : p.stopped ? ', stopped.' : '.'} Reason: {reason}
              </Text>
              {p.running && (
                <Text size="xs" c="dimmed">
                  It runs in this window: closing it stops it.
                </Text>
              )}
              {p.refused.length > 0 && (
                <List size="xs">
                  {p.refused.slice(0, 10).map(({ hit, why }) => (
                    <List.Item key={hit.id} style={{ overflowWrap: 'anywhere' }}>
                      {hit.messageId ?? hit.replyId}: {why}
                    </List.Item>
                  ))}
                </List>
              )}
            </>
          )}
          <Group justify="end">
            {p?.running ? (
              <Button color="red" onClick={stop}>
                Stop
              </Button>
            ) : (
              <Button variant="default" onClick={close}>
                {p ? 'Done' : 'Back'}
              </Button>
            )}
            {!p && deed && (
              <Button color={deed === 'cancel' ? 'red' : undefined} disabled={!hits || hits.length === 0 || reason.trim() === ''} onClick={() => hits && void start(deed, hits)}>
                {text.button}
              </Button>
            )}
          </Group>
        </Stack>
      </Modal>
    </>
  )
}
