import { Box, Button, Center } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import { useLocation } from 'wouter'
import { useRowKeys } from '../lib/keys'
import type { MailboxEntry } from '../lib/mailbox'
import { entryPath } from '../lib/places'
import { Entry } from './entry'

/** What counts as being at the bottom, in pixels. */
const nearEnd = 40

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
    getItemKey: (i) => entries[i]!.key,
    overscan: 6,
    initialOffset: () => Number.MAX_SAFE_INTEGER,
  })
  const last = entries.at(-1)?.key
  const first = entries[0]?.key
  const before = useRef({ first, count: entries.length })

  useLayoutEffect(() => {
    // What was put before the rows that are looked at must not move them.
    const added = entries.length - before.current.count
    const moved = before.current.first !== undefined && before.current.first !== first
    if (moved && added > 0 && !atEnd.current) {
      const at = entries.findIndex((e) => e.key === before.current.first)
      if (at > 0) list.scrollToIndex(at, { align: 'start' })
    }
    before.current = { first, count: entries.length }
  }, [entries, first, list])
  useEffect(() => {
    if (!atEnd.current) return
    setSeen(last)
    list.scrollToIndex(entries.length - 1, { align: 'end' })
  }, [last, entries.length, list])

  const row = useRowKeys(entries.length, (i) => go(entryPath(sessionId, entries[i]!)))
  useEffect(() => {
    if (row < 0) return
    atEnd.current = row === entries.length - 1
    list.scrollToIndex(row, { align: 'auto' })
  // Only a key moves there, not what comes in.
  }, [row])

  const onScroll = () => {
    const e = box.current!
    atEnd.current = e.scrollHeight - e.scrollTop - e.clientHeight < nearEnd
    if (atEnd.current) setSeen(last)
    if (e.scrollTop < 600 && hasMore) void more()
  }
  const seenAt = seen === undefined ? -1 : entries.findIndex((e) => e.key === seen)
  const fresh = seenAt < 0 ? 0 : entries.length - 1 - seenAt
  return (
    <Box pos="relative" h="100%">
      <Box ref={box} h="100%" onScroll={onScroll} tabIndex={0} role="log" aria-label="Conversation" aria-live="off" style={{ overflow: 'auto', overflowAnchor: 'none' }}>
        <Box pos="relative" h={list.getTotalSize()}>
          {list.getVirtualItems().map((v) => (
            <Box key={v.key} ref={list.measureElement} data-index={v.index} pos="absolute" top={0} left={0} w="100%" style={{ transform: `translateY(${v.start}px)` }}>
              <Entry entry={entries[v.index]!} sessionId={sessionId} current={v.index === row} />
            </Box>
          ))}
        </Box>
      </Box>
      {fresh > 0 && (
        <Center pos="absolute" bottom={12} w="100%">
          <Button
            size="xs"
            radius="xl"
            onClick={() => {
              atEnd.current = true
              setSeen(last)
              list.scrollToIndex(entries.length - 1, { align: 'end' })
            }}
          >
            {fresh} new
          </Button>
        </Center>
      )}
    </Box>
  )
}
