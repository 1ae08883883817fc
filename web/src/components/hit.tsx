import { Anchor, Box, Group, Text } from '@mantine/core'
import { IconArrowDownLeft, IconArrowUpRight } from '@tabler/icons-react'
import { Link } from 'wouter'
import { messagePath, replyPath } from '../lib/places'
import type { Hit as Row } from '../lib/search'
import { Name, Names } from './name'
import { Status } from './status'
import { Time } from './time'

export const hitPath = (h: Row) => (h.messageId !== null ? messagePath(h.sessionId, h.messageId) : replyPath(h.sessionId, h.replyId ?? ''))

/** Hit is a message or reply that was found. */
export function Hit({ hit: h, current }: { hit: Row; current: boolean }) {
  const Icon = h.direction === 'IN' ? IconArrowDownLeft : IconArrowUpRight
  return (
    <Box py={8} px="xs" component="article" aria-current={current ? 'true' : undefined} bg={current ? 'var(--mantine-color-default-hover)' : undefined} style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}>
      <Group gap="xs" wrap="nowrap">
        <Icon size={16} role="img" aria-label={h.direction === 'IN' ? 'Message' : 'Reply'} style={{ flexShrink: 0 }} />
        <Anchor component={Link} href={hitPath(h)} size="sm" truncate flex={1} miw={0} dir="auto">
          {h.snippet || 'no text'}
        </Anchor>
        <Status of={h.messageStatus ?? h.deliveryStatus ?? 'UNKNOWN'} />
        <Text size="xs" c="dimmed" w={56} ta="right" style={{ flexShrink: 0, whiteSpace: 'nowrap' }}>
          <Time at={h.at} />
        </Text>
      </Group>
      <Text size="xs" c="dimmed" truncate pl={24}>
        <Names of={[h.agentGroupId, h.kind, h.channelType]} /> ·{' '}
        <span style={{ fontFamily: 'var(--mantine-font-family-monospace)' }}>
          <Name of={h.messageId ?? h.replyId ?? ''} />
        </span>
      </Text>
    </Box>
  )
}
