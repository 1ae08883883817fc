import { ActionIcon, Alert, Badge, Box, Button, Center, Group, MultiSelect, Stack, Text, Title, Tooltip } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef, useState } from 'react'
import { Link } from 'wouter'
import { Empty } from '../components/empty'
import { Name } from '../components/name'
import type { EventType } from '../gql/graphql'
import { useFilter } from '../lib/filter'
import { hookPath, messagePath, replyPath, sessionPath } from '../lib/places'
import { useEvents, type LiveEvent } from '../lib/live'

const kept = 5000
const nearEnd = 40
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 })
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
/** Each type of event, and whether it is a trouble. */
const types = {
  SESSION_CREATED: false,
  SESSION_UPDATED: false,
  SESSION_CLOSED: false,
  SESSION_ARCHIVED: false,
  SESSION_RESTORED: false,
  SESSION_DUE: false,
  CONTAINER_STUCK: true,
  MESSAGE_WRITTEN: false,
  MESSAGE_UPDATED: false,
  REPLY_WRITTEN: false,
  REPLY_UPDATED: false,
  REPLY_DELIVERED: false,
  REPLY_FAILED: true,
  HOOK_FAILED: true,
  HOOK_CHANGED: false,
  OPERATION_CHANGED: false,
  RESYNC_REQUIRED: true,
} satisfies Record<EventType, boolean>

const words = (type: string) => type.toLowerCase().replaceAll('_', ' ')

/** about names what an event is of, and leads there. */
function about(e: LiveEvent) {
  const [name, to]: [string | null, string] = e.sessionId && e.messageId ? [e.messageId, messagePath(e.sessionId, e.messageId)] : e.sessionId && e.replyId ? [e.replyId, replyPath(e.sessionId, e.replyId)] : e.hookName ? [e.hookName, hookPath(e.hookName)] : [e.operationId, '/operations']
  if (!name) return null
  return (
    <Text component={Link} href={to} size="xs" ff="monospace" c="var(--mantine-color-anchor)" style={{ overflowWrap: 'anywhere' }}>
      <Name of={name} />
    </Text>
  )
}

export default function Tail() {
  const [filter, setFilter] = useFilter('types')
  const wanted = filter.types ? filter.types.split(',') : []
  const refused = wanted.filter((type) => !Object.hasOwn(types, type))
  const [events, setEvents] = useState<LiveEvent[]>([])
  const [fresh, setFresh] = useState(0)
  const atEnd = useRef(true)
  const box = useRef<HTMLDivElement>(null)
  useEvents((e) => {
    if (e.cursor === '' || (wanted.length > 0 && !wanted.includes(e.type))) return
    setEvents((old) => [...old.slice(-(kept - 1)), e])
    if (!atEnd.current) setFresh((n) => n + 1)
  })
  const shown = wanted.length > 0 ? events.filter((e) => wanted.includes(e.type)) : events
  const list = useVirtualizer({
    count: shown.length,
    getScrollElement: () => box.current,
    estimateSize: () => 32,
    overscan: 20,
    getItemKey: (i) => shown[i]!.cursor,
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: nearEnd,
  })
  const toEnd = () => {
    atEnd.current = true
    setFresh(0)
    list.scrollToEnd()
  }
  return (
    <Stack gap="sm" h="calc(100dvh - 48px - 2rem)">
      <Title order={1} size="h3">
        Live tail
      </Title>
      <Group align="end">
        <MultiSelect label="Events" placeholder={wanted.length ? '' : 'All'} data={Object.keys(types).map((value) => ({ value, label: words(value) }))} value={wanted} onChange={(v) => setFilter({ types: v.join(',') })} clearable searchable maw={640} />
        <Tooltip label="Clear the list">
          <ActionIcon variant="default" size="lg" aria-label="Clear the list" onClick={() => (setEvents([]), setFresh(0))}>
            <IconTrash size={18} />
          </ActionIcon>
        </Tooltip>
      </Group>
      <Box pos="relative" flex={1} mih={0}>
        {refused.length > 0 && (
          <Alert color="red" role="alert" title="The address asks for what there is not">
            <Name of={`There are no events “${refused.join(', ')}”.`} />
          </Alert>
        )}
        {shown.length === 0 && refused.length === 0 && <Empty title="Waiting for something to happen">What happens from now on is listed here as it comes.</Empty>}
        <Box
          ref={box}
          h="100%"
          role="log"
          aria-label="Events"
          aria-live="off"
          tabIndex={0}
          style={{ overflow: 'auto', overflowAnchor: 'none' }}
          onScroll={() => {
            const e = box.current!
            atEnd.current = e.scrollHeight - e.scrollTop - e.clientHeight < nearEnd
            if (atEnd.current) setFresh(0)
          }}
        >
          <Box pos="relative" h={list.getTotalSize()}>
            {list.getVirtualItems().map((v) => {
              const e = shown[v.index]!
              return (
                <Group key={v.key} ref={list.measureElement} data-index={v.index} gap="sm" py={4} pos="absolute" top={0} left={0} w="100%" style={{ transform: `translateY(${v.start}px)` }}>
                  <Text component="time" dateTime={e.at} title={absolute.format(new Date(e.at))} size="xs" c="dimmed" ff="monospace">
                    {clock.format(new Date(e.at))}
                  </Text>
                  <Box miw={{ sm: 144 }}>
                    <Badge variant="light" radius="sm" size="sm" color={types[e.type] ? 'red' : 'gray'} display="block" w="fit-content">
                      {words(e.type)}
                    </Badge>
                  </Box>
                  {e.sessionId && (
                    <Text component={Link} href={sessionPath(e.sessionId)} size="xs" ff="monospace" c="var(--mantine-color-anchor)">
                      <Name of={e.sessionId} />
                    </Text>
                  )}
                  {about(e)}
                </Group>
              )
            })}
          </Box>
        </Box>
        {fresh > 0 && (
          <Center pos="absolute" bottom={12} w="100%">
            <Button size="xs" radius="xl" onClick={toEnd}>
              {fresh} new
            </Button>
          </Center>
        )}
      </Box>
    </Stack>
  )
}
