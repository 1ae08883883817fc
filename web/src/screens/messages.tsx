import { Alert, Box, Group, Stack, Text, Title } from '@mantine/core'
import { useVirtualizer, type VirtualItem } from '@tanstack/react-virtual'
import { useEffect, useEffectEvent, useMemo, useRef } from 'react'
import { useLocation } from 'wouter'
import { Bulk } from '../components/bulk'
import { Empty } from '../components/empty'
import { Hit, hitPath } from '../components/hit'
import { IndexState } from '../components/indexstate'
import { MailFilter } from '../components/mailfilter'
import { Name } from '../components/name'
import { Problem } from '../components/problem'
import { Waiting } from '../components/waiting'
import { exact } from '../lib/figures'
import { useFilter } from '../lib/filter'
import { useKept } from '../lib/kept'
import { useRowKeys } from '../lib/keys'
import { mailKeys, refusedMail, searchFilter } from '../lib/mail'
import { useSearch, type Found } from '../lib/search'
import { useSince } from '../lib/since'

/** More is read when so many rows are left. */
const ahead = 20

export default function Messages() {
  const [{ focus, ...mail }, set] = useFilter('focus', ...mailKeys)
  const [, go] = useLocation()
  const [before, keep] = useKept<{ found: Found; offset: number; sizes: VirtualItem[] }>()
  // An age counts from the minute, so that what is asked for does not change all the time.
  const minute = useSince('1h')
  const refused = refusedMail(mail)
  const key = JSON.stringify(mail)
  const filter = useMemo(() => (refused ? null : searchFilter(JSON.parse(key) as typeof mail, Date.parse(minute ?? '') + 3_600_000)), [key, refused, mail.age ? minute : null])
  const { hits, loading, hasMore, index, error, more, read, found } = useSearch(filter, before?.found)
  // Who goes through a list one by one comes back to where they were.
  const box = useRef<HTMLDivElement>(null)
  const list = useVirtualizer({ count: hits.length, getScrollElement: () => box.current, estimateSize: () => 58, overscan: 10, getItemKey: (i) => hits[i]!.id, initialOffset: before?.offset ?? 0, initialMeasurementsCache: before?.sizes ?? [] })
  const remember = () => keep({ found, offset: box.current?.scrollTop ?? 0, sizes: list.measurementsCache })
  const rememberNow = useEffectEvent(remember)
  useEffect(() => rememberNow(), [found])
  const row = useRowKeys(hits.length, (i) => go(hitPath(hits[i]!)))
  useEffect(() => {
    if (row >= 0) list.scrollToIndex(row, { align: 'auto' })
  }, [row, list])
  const last = list.getVirtualItems().at(-1)?.index ?? -1
  useEffect(() => {
    if (hasMore && last >= hits.length - ahead) void more()
  }, [hasMore, last, hits.length, more])
  return (
    <Stack gap="sm" h={{ base: undefined, sm: 'calc(100dvh - 48px - 2rem)' }}>
      <Title order={1} size="h3">
        Messages
      </Title>
      <MailFilter mail={mail} set={set} focus={focus !== ''} focused={() => set({ focus: '' })} />
      <Group justify="space-between" mih={30}>
        <Text size="sm" c="dimmed" role="status">
          {loading ? '' : hits.length === 0 ? '' : `${hasMore ? 'The newest ' : ''}${exact(hits.length)}, newest first`}
        </Text>
        {filter && hits.length > 0 && <Bulk filter={filter} />}
      </Group>
      <IndexState index={index} />
      {refused && (
        <Alert color="red" role="alert" title="The address asks for what there is not">
          <Name of={refused} />
        </Alert>
      )}
      {error && <Problem error={error} retry={() => void read()} />}
      {loading && <Waiting />}
      {!loading && !error && !refused && hits.length === 0 && !hasMore && (
        <Empty title="Nothing is like that">Words are looked for in texts, also within longer words. Take a part of the filter away, or write a message: engine message write SESSION "Hello".</Empty>
      )}
      <Box ref={box} flex={1} mih={{ base: '60dvh', sm: 0 }} mah={{ base: '80dvh', sm: 'none' }} tabIndex={0} role="region" aria-label="Results" onScroll={remember} style={{ overflow: 'auto' }}>
        <Box pos="relative" h={list.getTotalSize()}>
          {list.getVirtualItems().map((v) => (
            <Box key={v.key} ref={list.measureElement} data-index={v.index} pos="absolute" top={0} left={0} w="100%" style={{ transform: `translateY(${v.start}px)` }}>
              <Hit hit={hits[v.index]!} current={v.index === row} />
            </Box>
          ))}
        </Box>
      </Box>
    </Stack>
  )
}
