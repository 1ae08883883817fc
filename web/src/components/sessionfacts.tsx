import { Anchor, Group, List, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import type { SessionQuery } from '../gql/graphql'
import { exact } from '../lib/figures'
import type { MailboxEntry } from '../lib/mailbox'
import { messagePath } from '../lib/places'
import { Attachment } from './attachment'
import { Name, Names } from './name'
import { Status } from './status'
import { Time } from './time'

export type SessionDetail = NonNullable<SessionQuery['session']>

/** So many files are listed, the newest of what is shown of the conversation. */
const mostFiles = 20

/** SessionFacts are what there is to know of a session besides its conversation. */
export function SessionFacts({ session: s, entries }: { session: SessionDetail; entries: MailboxEntry[] }) {
  const files = entries
    .flatMap((e) => (e.message ?? e.reply)?.attachments ?? [])
    .slice(-mostFiles)
    .reverse()
  const chat = s.messagingGroup
  return (
    <Stack gap="md">
      <Part title="Container">
        <Fact name="Status">
          <Status of={s.containerStatus} />
        </Fact>
        <Fact name="Sign of life">
          <Time at={s.heartbeat} />
        </Fact>
        {s.currentTool && (
          <Fact name="Tool">
            <Name of={s.currentTool.name} /> <Time at={s.currentTool.startedAt} />
            {s.currentTool.timeoutSeconds !== null && `, at most ${exact(s.currentTool.timeoutSeconds)} s`}
          </Fact>
        )}
        <Text size="sm" c="dimmed">
          {s.claims.length === 0 ? 'It has no message in work.' : 'In work:'}
        </Text>
        {s.claims.length > 0 && (
          <List size="sm" listStyleType="none" spacing={4} aria-label="In work">
            {s.claims.map((c) => (
              <List.Item key={c.messageId}>
                <Anchor component={Link} href={messagePath(s.id, c.messageId)} size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
                  <Name of={c.messageId} />
                </Anchor>
                <Text size="xs" c="dimmed">
                  claimed <Time at={c.claimedAt} />
                  {c.message && c.message.tries > 0 && ` · ${c.message.tries} ${c.message.tries === 1 ? 'container' : 'containers'} died over it`}
                </Text>
              </List.Item>
            ))}
          </List>
        )}
      </Part>
      <Part title="Routing">
        <Fact name="Agent group">
          <Name of={s.agentGroup.name} />
        </Fact>
        <Fact name="Chat">{chat ? <Name of={chat.name ?? chat.platformId} /> : 'none'}</Fact>
        {chat && (
          <Fact name="Address">
            <Names of={[chat.channelType, chat.platformId]} />
          </Fact>
        )}
        {s.threadId && (
          <Fact name="Thread">
            <Name of={s.threadId} />
          </Fact>
        )}
        <Fact name="Shared by">{s.mode.toLowerCase().replaceAll('_', ' ')}</Fact>
        <Fact name="Made">
          <Time at={s.createdAt} />
        </Fact>
        <Fact name="Last message">
          <Time at={s.lastActive} />
        </Fact>
      </Part>
      <Part title="Destinations">
        {s.agentGroup.destinations.length === 0 ? (
          <Text size="sm" c="dimmed">
            Its agents can address nobody by name.
          </Text>
        ) : (
          s.agentGroup.destinations.map((d) => (
            <Fact key={d.name} name={d.name}>
              {d.type === 'AGENT' && 'agents: '}
              <Names of={[d.type === 'AGENT' ? null : d.messagingGroup?.channelType, d.displayName]} />
            </Fact>
          ))
        )}
      </Part>
      <Part title="Files">
        <Text size="xs" ff="monospace" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {s.folder}
        </Text>
        {files.length === 0 && (
          <Text size="sm" c="dimmed">
            What is shown of the conversation has none.
          </Text>
        )}
        {files.map((f, i) => (
          <Attachment key={`${f.url} ${i}`} file={f} />
        ))}
      </Part>
    </Stack>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Stack gap={6} component="section" aria-label={title}>
      <Title order={2} size="h6">
        {title}
      </Title>
      {children}
    </Stack>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Group justify="space-between" gap="xs" wrap="nowrap" align="start">
      <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }} miw={80}>
        <Name of={name} />
      </Text>
      <Text size="sm" ta="right" component="div" style={{ overflowWrap: 'anywhere' }}>
        {children}
      </Text>
    </Group>
  )
}
