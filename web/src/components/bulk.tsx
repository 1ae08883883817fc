import { Alert, Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core'
import { useState } from 'react'
import { useClient } from 'urql'
import { graphql } from '../gql'
import type { OperationAction, OperationPreviewQuery, SearchFilter } from '../gql/graphql'
import { exact } from '../lib/figures'
import { actions } from '../lib/operation'
import { refusal } from '../lib/outcome'
import { FilterWords } from './filterwords'
import { OperationProgress } from './operationprogress'

const PreviewDocument = graphql(`
  query OperationPreview($action: OperationAction!, $filter: SearchFilter!) {
    operationPreview(action: $action, filter: $filter) {
      count
      messages
      replies
      sessions
      more
    }
  }
`)
const StartDocument = graphql(`
  mutation StartOperation($input: StartOperationInput!) {
    startOperation(input: $input) {
      operation {
        id
      }
      userErrors {
        message
      }
    }
  }
`)

type Preview = OperationPreviewQuery['operationPreview']

/** Bulk has the engine act on all that a filter selects, after it has said how many that is. */
export function Bulk({ filter }: { filter: SearchFilter }) {
  const client = useClient()
  const [action, setAction] = useState<OperationAction | null>(null)
  const [preview, setPreview] = useState<Preview | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [reason, setReason] = useState('')
  const [operation, setOperation] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  // Of what was counted: to start it twice, as after no answer, is to start it once.
  const [id, setId] = useState('')
  const count = async (of: OperationAction) => {
    const r = await client.query(PreviewDocument, { action: of, filter }, { requestPolicy: 'network-only' }).toPromise()
    setPreview(r.data?.operationPreview ?? null)
    setId(newId())
    if (r.error) setProblem(refusal(r, () => null))
  }
  const ask = (of: OperationAction) => {
    setAction(of)
    setOperation(null)
    setPreview(null)
    setProblem(null)
    void count(of)
  }
  const start = async () => {
    if (!action || !preview) return
    setBusy(true)
    const r = await client.mutation(StartDocument, { input: { id, action, filter, reason: reason.trim(), expectedCount: preview.count } }).toPromise()
    setProblem(refusal(r, (d) => d.startOperation))
    const started = r.data?.startOperation?.operation
    if (started) setOperation(started.id)
    else if (!r.error?.networkError) await count(action)
    setBusy(false)
  }
  const close = () => setAction(null)
  const text = actions[action ?? 'RETRY']
  return (
    <>
      <Group gap="xs">
        {(['RETRY', 'PAUSE', 'RESUME', 'CANCEL', 'DISCARD'] as const).map((a) => (
          <Button key={a} size="xs" variant="default" onClick={() => ask(a)}>
            {actions[a].all}…
          </Button>
        ))}
      </Group>
      <Modal opened={action !== null} onClose={close} title={text.title} closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <Text size="sm">{text.does}</Text>
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            <FilterWords filter={filter} />
          </Text>
          {problem && (
            <Alert color="red" role="alert" title="Nothing was done">
              {problem}
            </Alert>
          )}
          {operation === null ? (
            <>
              <Text size="sm" fw={600} role="status">
                {preview && amount(preview)}
              </Text>
              {preview !== null && preview.count > 0 && !preview.more && (
                <Textarea label="Reason" description="Is kept with each of them" value={reason} onChange={(e) => setReason(e.currentTarget.value)} required autosize maxLength={1024} data-autofocus />
              )}
            </>
          ) : (
            <OperationProgress id={operation} />
          )}
          <Group justify="end">
            <Button variant="default" onClick={close}>
              {operation === null ? 'Back' : 'Done'}
            </Button>
            {/* It stays where it is when it was pressed: the second half of a double click is not for another button. */}
            <Button
              color={text.danger ? 'red' : undefined}
              disabled={operation !== null || !preview || preview.count === 0 || preview.more || reason.trim() === ''}
              loading={busy}
              onClick={() => void start()}
            >
              {text.all}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  )
}

/** newId works where randomUUID does not: on pages that did not come by TLS, nor from this machine. */
const newId = () => `op-${Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('')}`

const number = (n: number, one: string, many: string) => `${exact(n)} ${n === 1 ? one : many}`

function amount(p: Preview) {
  if (p.count === 0) return 'None that the filter selects can be.'
  if (p.more) return `There are more than ${exact(p.count)}, which is the most at one time: make the filter narrower.`
  const kinds = [p.messages > 0 && number(p.messages, 'message', 'messages'), p.replies > 0 && number(p.replies, 'reply', 'replies')].filter(Boolean).join(' and ')
  return `${kinds} of ${number(p.sessions, 'session', 'sessions')}, those of a session in their order.`
}
