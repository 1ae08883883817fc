import { Button, Collapse, Group, MultiSelect, Select, SimpleGrid, Stack, TextInput } from '@mantine/core'
import { useDebouncedCallback, useDisclosure } from '@mantine/hooks'
import { IconFilter, IconSearch } from '@tabler/icons-react'
import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { useQuery } from 'urql'
import { graphql } from '../gql'
import { ages, type Mail, type MailKey } from '../lib/mail'
import { visible } from '../lib/visible'

const FilterGroupsDocument = graphql(`
  query FilterGroups {
    agentGroups(first: 100) {
      nodes {
        id
        name
      }
    }
  }
`)

const messageStatuses = ['PENDING', 'PROCESSING', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELLED', 'UNKNOWN']
const deliveryStatuses = ['PENDING', 'PAUSED', 'DELIVERED', 'FAILED', 'UNKNOWN', 'DROPPED', 'CANCELLED']
const named = (all: string[]) => all.map((value) => ({ value, label: value.toLowerCase() }))
const list = (s: string) => (s ? s.split(',') : [])

/** What is behind the button, for its count. */
const further: MailKey[] = ['id', 'session', 'group', 'channel', 'kind', 'direction', 'status', 'delivery', 'waiting', 'retried', 'since', 'until', 'age']

/** MailFilter edits the filter of the messages' screen. With focus, the search box takes it, and focused is called. */
export function MailFilter({ mail, set, focus, focused }: { mail: Mail; set: (m: Partial<Mail>) => void; focus: boolean; focused: () => void }) {
  const [groups] = useQuery({ query: FilterGroupsDocument })
  const active = further.filter((k) => mail[k]).length
  const [open, more] = useDisclosure(active > 0)
  const tell = useEffectEvent(focused)
  const box = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (!focus) return
    box.current?.focus()
    tell()
  }, [focus])
  const [text, setText] = useState(mail.text)
  const [shown, setShown] = useState(mail.text)
  if (shown !== mail.text) {
    setShown(mail.text)
    setText(mail.text)
  }
  const search = useDebouncedCallback((t: string) => {
    // The user may have left for another screen meanwhile.
    if (location.pathname === '/messages') set({ text: t })
  }, 200)
  const field = (key: 'id' | 'session' | 'channel' | 'kind', label: string) => <TextInput key={key + mail[key]} label={label} defaultValue={mail[key]} onBlur={(e) => set({ [key]: e.currentTarget.value.trim() })} onKeyDown={(e) => e.key === 'Enter' && set({ [key]: e.currentTarget.value.trim() })} />
  return (
    <Stack gap="xs">
      <Group gap="xs" wrap="nowrap">
        <TextInput
          ref={box}
          flex={1}
          maw={640}
          type="search"
          aria-label="Search messages and replies"
          placeholder="Words, or “words together”"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={text}
          onChange={(e) => {
            setText(e.currentTarget.value)
            search(e.currentTarget.value)
          }}
          onKeyDown={(e) => {
            if (e.key !== 'Escape') return
            // Browsers would empty the box.
            e.preventDefault()
            e.currentTarget.blur()
          }}
        />
        <Button variant="default" leftSection={<IconFilter size={16} aria-hidden />} onClick={more.toggle} aria-expanded={open}>
          Filter{active > 0 && ` (${active})`}
        </Button>
      </Group>
      <Collapse expanded={open}>
        <Stack gap="xs">
          <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="xs">
            <Select label="Agent group" placeholder="All" data={(groups.data?.agentGroups.nodes ?? []).map((g) => ({ value: g.id, label: visible(g.name) }))} value={mail.group || null} onChange={(v) => set({ group: v ?? '' })} clearable searchable />
            <Select label="Direction" placeholder="Both" data={[{ value: 'IN', label: 'Messages' }, { value: 'OUT', label: 'Replies' }]} value={mail.direction || null} onChange={(v) => set({ direction: v ?? '' })} clearable />
            <MultiSelect label="Message status" placeholder={mail.status ? '' : 'Any'} data={named(messageStatuses)} value={list(mail.status)} onChange={(v) => set({ status: v.join(',') })} clearable />
            <MultiSelect label="Delivery" placeholder={mail.delivery ? '' : 'Any'} data={named(deliveryStatuses)} value={list(mail.delivery)} onChange={(v) => set({ delivery: v.join(',') })} clearable />
            <Select label="Age" placeholder={mail.since || mail.until ? 'By the address' : 'Any'} data={Object.entries(ages).map(([value, { label }]) => ({ value, label }))} value={mail.age || null} onChange={(v) => set({ age: v ?? '', since: '', until: '' })} clearable />
            <Select label="Waiting" placeholder="Any" data={[{ value: '1', label: 'For the container' }]} value={mail.waiting || null} onChange={(v) => set({ waiting: v ?? '' })} clearable />
            <Select label="Retried" placeholder="Any" data={[{ value: '0', label: 'Not retried' }, { value: '1', label: 'Retried' }]} value={mail.retried || null} onChange={(v) => set({ retried: v ?? '' })} clearable />
            {field('channel', 'Channel type')}
            {field('kind', 'Kind')}
            {field('session', 'Session')}
            {field('id', 'Id')}
          </SimpleGrid>
          {active > 0 && (
            <Group>
              <Button size="xs" variant="default" onClick={() => set(Object.fromEntries(further.map((k) => [k, ''])))}>
                Clear the filter
              </Button>
            </Group>
          )}
        </Stack>
      </Collapse>
    </Stack>
  )
}
