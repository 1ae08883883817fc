import { Autocomplete, Group, JsonInput, SegmentedControl, Select, Stack } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { useQuery } from 'urql'
import { graphql } from '../gql'
import type { HookPoint } from '../gql/graphql'
import type { HookDetail } from '../lib/hook'
import { DryRun } from './dryrun'
import { Problem } from './problem'

const StoredDocument = graphql(`
  query Stored($filter: SearchFilter) {
    search(first: 20, filter: $filter) {
      nodes {
        id
        sessionId
        messageId
        replyId
        snippet
      }
    }
  }
`)

type Stored = { sessionId: string; id: string }

/** HookTrial tries one hook on a stored message, or on a content of one's own. */
export function HookTrial({ hook }: { hook: HookDetail }) {
  const points = hook.version.handles.filter((p) => p !== 'ON_SESSION')
  const [point, setPoint] = useState<HookPoint>(points[0] ?? 'ON_MESSAGE')
  const [on, setOn] = useState('stored')
  const [text, setText] = useState('')
  const [chosen, setChosen] = useState<Stored | null>(null)
  const [content, setContent] = useState('{\n  "text": "Hello"\n}')
  const [wanted] = useDebouncedValue(text, 200)
  const stored = on === 'stored'
  const [r] = useQuery({
    query: StoredDocument,
    variables: { filter: { direction: point === 'ON_REPLY' ? 'OUT' : 'IN', ...(wanted.trim() && !chosen ? { text: wanted.trim() } : {}) } },
    pause: !stored,
    requestPolicy: 'cache-and-network',
  })
  if (points.length === 0) return null
  const hits = (r.data?.search.nodes ?? []).map((h) => ({ ...h, name: h.messageId ?? h.replyId ?? h.id }))
  const labels = new Map(hits.map((h) => [`${h.snippet.slice(0, 80) || 'no text'} · ${h.name}`, { sessionId: h.sessionId, id: h.name }]))
  const input = stored ? chosen && { sessionId: chosen.sessionId, messageId: chosen.id } : { content }
  return (
    <Stack gap="sm">
      <Group gap="sm" align="end">
        <Select label="Called at" data={points.map((p) => ({ value: p, label: p.toLowerCase() }))} value={point} onChange={(v) => v && (setPoint(v as HookPoint), setChosen(null), setText(''))} allowDeselect={false} w={180} />
        <SegmentedControl
          aria-label="Try it on"
          data={[
            { value: 'stored', label: point === 'ON_REPLY' ? 'A stored reply' : 'A stored message' },
            { value: 'own', label: 'JSON of your own' },
          ]}
          value={on}
          onChange={setOn}
        />
      </Group>
      {stored ? (
        <>
          <Autocomplete
            label={point === 'ON_REPLY' ? 'Stored reply' : 'Stored message'}
            description="The newest, or those with these words"
            data={[...labels.keys()]}
            filter={({ options }) => options}
            value={text}
            onChange={(v) => {
              setText(v)
              setChosen(labels.get(v) ?? null)
            }}
          />
          {r.error && <Problem error={r.error} />}
        </>
      ) : (
        <JsonInput label="Content" value={content} onChange={setContent} validationError="This is not JSON." autosize minRows={3} maxRows={12} styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }} spellCheck={false} />
      )}
      {input && <DryRun key={JSON.stringify(input) + point} label={`Try ${hook.name} on it`} input={{ ...input, point, hook: hook.name }} />}
    </Stack>
  )
}
