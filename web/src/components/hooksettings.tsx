import { Alert, Button, Fieldset, Group, JsonInput, MultiSelect, NumberInput, Select, SimpleGrid, Stack, TagsInput } from '@mantine/core'
import { useState } from 'react'
import { useMutation, useQuery } from 'urql'
import { graphql } from '../gql'
import type { HookFailurePolicy, HookPoint, UpdateHookInput } from '../gql/graphql'
import type { HookDetail } from '../lib/hook'
import { refusal } from '../lib/outcome'

export const UpdateHookDocument = graphql(`
  mutation UpdateHook($input: UpdateHookInput!) {
    updateHook(input: $input) {
      hook {
        name
      }
      userErrors {
        message
      }
    }
  }
`)
const ScopeGroupsDocument = graphql(`
  query ScopeGroups {
    agentGroups(first: 100) {
      nodes {
        id
        name
      }
    }
  }
`)

type Settings = Pick<HookDetail, 'points' | 'order' | 'onFailure' | 'scope' | 'limits'> & { config: string }

const limits: [keyof HookDetail['limits'], string, number, number][] = [
  ['fuel', 'Fuel for each 16 KiB of input', 10_000, 1_000_000_000_000],
  ['memoryBytes', 'Memory, in bytes', 65_536, 2_147_483_648],
  ['inputBytes', 'Input, in bytes', 1024, 268_435_456],
  ['outputBytes', 'Answer, in bytes', 1024, 268_435_456],
  ['logBytes', 'Log of a call, in bytes', 0, 1_048_576],
  ['instances', 'Calls at one time', 1, 256],
]

function settingsOf(h: HookDetail): Settings {
  const { fuel, memoryBytes, inputBytes, outputBytes, logBytes, instances } = h.limits
  const { agentGroupIds, channelTypes, kinds } = h.scope
  return {
    points: h.points,
    order: h.order,
    onFailure: h.onFailure,
    scope: { agentGroupIds, channelTypes, kinds },
    limits: { fuel, memoryBytes, inputBytes, outputBytes, logBytes, instances },
    config: h.config === null ? '' : JSON.stringify(h.config, null, 2),
  }
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

function isJSON(text: string) {
  try {
    JSON.parse(text)
    return true
  } catch {
    return text.trim() === ''
  }
}

/** changed is what of the settings is not as it was. */
function changed(name: string, was: Settings, is: Settings): UpdateHookInput {
  const input: UpdateHookInput = { name }
  if (!same(was.points, is.points)) input.points = is.points
  if (was.order !== is.order) input.order = is.order
  if (was.onFailure !== is.onFailure) input.onFailure = is.onFailure
  if (!same(was.scope, is.scope)) input.scope = is.scope
  if (!same(was.limits, is.limits)) input.limits = is.limits
  if (was.config !== is.config) input.config = is.config.trim() === '' ? null : JSON.parse(is.config)
  return input
}

/** HookSettings edits a hook's settings; only what was changed is sent. */
export function HookSettings({ hook, done }: { hook: HookDetail; done: () => void }) {
  const [was, setWas] = useState(() => settingsOf(hook))
  const [is, setIs] = useState(was)
  const [problem, setProblem] = useState<string | null>(null)
  const [r, update] = useMutation(UpdateHookDocument)
  const [groups] = useQuery({ query: ScopeGroupsDocument })
  const stored = settingsOf(hook)
  // What others change is taken over while nothing is being edited here.
  if (!same(stored, was) && same(was, is)) {
    setWas(stored)
    setIs(stored)
  }
  const set = (part: Partial<Settings>) => setIs((old) => ({ ...old, ...part }))
  const setScope = (part: Partial<Settings['scope']>) => set({ scope: { ...is.scope, ...part } })
  const valid = isJSON(is.config)
  const dirty = !same(was, is)
  const save = async () => {
    const refused = refusal(await update({ input: changed(hook.name, was, is) }), (d) => d.updateHook)
    setProblem(refused)
    if (refused !== null) return
    setWas(is)
    done()
  }
  const known = new Set(groups.data?.agentGroups.nodes.map((g) => g.id))
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault()
        void save()
      }}
    >
      <Stack gap="sm">
        <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
          <NumberInput label="Order" description="Lower runs first" value={is.order} onChange={(v) => set({ order: Number(v) })} allowDecimal={false} />
          <Select label="When it fails" description="What becomes of the operation" data={[{ value: 'FAIL', label: 'It fails as well' }, { value: 'SKIP', label: 'It goes on without' }]} value={is.onFailure} onChange={(v) => v && set({ onFailure: v as HookFailurePolicy })} allowDeselect={false} />
          <MultiSelect label="Called at" description="Among what its version handles" data={hook.version.handles.map((p) => ({ value: p, label: p.toLowerCase() }))} value={is.points} onChange={(v) => set({ points: v as HookPoint[] })} />
        </SimpleGrid>
        <Fieldset legend="Scope: where nothing is chosen, everywhere">
          <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
            <MultiSelect
              label="Agent groups"
              data={[...(groups.data?.agentGroups.nodes ?? []).map((g) => ({ value: g.id, label: g.name })), ...is.scope.agentGroupIds.filter((id) => !known.has(id)).map((id) => ({ value: id, label: id }))]}
              value={is.scope.agentGroupIds}
              onChange={(v) => setScope({ agentGroupIds: v })}
              searchable
            />
            <TagsInput label="Channel types" value={is.scope.channelTypes} onChange={(v) => setScope({ channelTypes: v })} />
            <TagsInput label="Kinds of messages" value={is.scope.kinds} onChange={(v) => setScope({ kinds: v })} />
          </SimpleGrid>
        </Fieldset>
        <Fieldset legend="Limits of one call">
          <SimpleGrid cols={{ base: 2, sm: 3 }} spacing="sm">
            {limits.map(([key, label, min, max]) => (
              <NumberInput key={key} label={label} value={is.limits[key]} onChange={(v) => set({ limits: { ...is.limits, [key]: Number(v) } })} min={min} max={max} allowDecimal={false} thousandSeparator hideControls />
            ))}
          </SimpleGrid>
        </Fieldset>
        <JsonInput label="Configuration" description="Any JSON; empty is none" placeholder="{}" error={valid ? null : 'This is not JSON.'} value={is.config} onChange={(v) => set({ config: v })} autosize minRows={4} maxRows={20} styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }} spellCheck={false} />
        {problem && (
          <Alert color="red" role="alert" title="Nothing was changed">
            {problem}
          </Alert>
        )}
        <Group justify="end">
          <Button variant="default" disabled={!dirty} onClick={() => (setProblem(null), setIs(was))}>
            Undo
          </Button>
          <Button type="submit" disabled={!dirty || !valid} loading={r.fetching}>
            Save settings
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
