import { Box, Button, Center } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { memo, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { useLocation } from 'wouter'
import { useRowKeys } from '../lib/keys'
import type { MailboxEntry } from '../lib/mailbox'
import { entryPath } from '../lib/places'
import { Entry } from './entry'

/** What counts as being at the bottom, in pixels. */
const nearEnd = 40
/** Older entries are read when so many pixels are left above. */
const ahead = 2000

// A scrolled list renders again with each frame, and when more is read; its rows need not.
const Row = memo(Entry, (a, b) => a.sessionId === b.sessionId && a.current === b.current && a.entry.message === b.entry.message && a.entry.reply === b.entry.reply)

/**
 * Conversation shows the entries, newest at the bottom. It stays there while
 * it is there; scrolled up, it stays where it is and says how many came.
 */
export function Conversation({ sessionId, entries, hasMore, more }: { sessionId: string; entries: MailboxEntry[]; hasMore: boolean; more: () => Promise<void> }) {
  const [, go] = useLocation()
  const box = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  const [seen, setSeen] = useState<string | undefined>(undefined)
  const list = useVirtualizer({
    count: entries.length,
    getScrollElement: () => box.current,
    estimateSize: () => 120,
    getItemKey: useCallback((i: number) => entries[i]!.key, [entries]),
    overscan: 4,
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: nearEnd,
  })
  const last = entries.at(-1)?.key
  const toEnd = () => {
    atEnd.current = true
    setSeen(last)
    list.scrollToEnd()
  }
  const begun = entries.length > 0
  useLayoutEffect(() => {
    if (begun) list.scrollToEnd()
  }, [begun, list])
  useEffect(() => {
    if (atEnd.current) setSeen(last)
  }, [last])

  const row = useRowKeys(entries.length, (i) => go(entryPath(sessionId, entries[i]!)))
  useEffect(() => {
    if (row >= 0) list.scrollToIndex(row, { align: 'auto' })
  }, [row, list])

  const onScroll = () => {
    const e = box.current!
    atEnd.current = e.scrollHeight - e.scrollTop - e.clientHeight < nearEnd
    if (atEnd.current) setSeen(last)
    if (e.scrollTop < ahead && hasMore) void more()
  }
  const seenAt = seen === undefined ? -1 : entries.findIndex((e) => e.key === seen)
  const fresh = seenAt < 0 ? 0 : entries.length - 1 - seenAt
  return (
    <Box pos="relative" h="100%">
      <Box ref={box} h="100%" onScroll={onScroll} tabIndex={0} role="log" aria-label="Conversation" aria-live="off" style={{ overflow: 'auto', overflowAnchor: 'none' }}>
        <Box pos="relative" h={list.getTotalSize()}>
          {list.getVirtualItems().map((v) => (
            <Box key={v.key} ref={list.measureElement} data-index={v.index} pos="absolute" top={0} left={0} w="100%" style={{ transform: `translateY(${v.start}px)` }}>
              <Row entry={entries[v.index]!} sessionId={sessionId} current={v.index === row} />
            </Box>
          ))}
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
  )
}
