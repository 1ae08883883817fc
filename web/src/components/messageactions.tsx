import { Code, Group } from '@mantine/core'
import { useClient } from 'urql'
import { useLocation } from 'wouter'
import { graphql } from '../gql'
import type { StoryMessage } from '../lib/story'
import { refusal } from '../lib/outcome'
import { messagePath } from '../lib/places'
import { Action } from './action'
import { Name } from './name'

const RetryMessageDocument = graphql(`
  mutation RetryMessage($input: MessageActionInput!) {
    retryMessage(input: $input) {
      message {
        id
        messageId
      }
      userErrors {
        message
      }
    }
  }
`)
const PauseMessageDocument = graphql(`
  mutation PauseMessage($input: MessageActionInput!) {
    pauseMessage(input: $input) {
      userErrors {
        message
      }
    }
  }
`)
const ResumeMessageDocument = graphql(`
  mutation ResumeMessage($input: MessageActionInput!) {
    resumeMessage(input: $input) {
      userErrors {
        message
      }
    }
  }
`)
const CancelMessageDocument = graphql(`
  mutation CancelMessage($input: MessageActionInput!) {
    cancelMessage(input: $input) {
      userErrors {
        message
      }
    }
  }
`)
const DiscardMessageDocument = graphql(`
  mutation DiscardMessage($input: MessageActionInput!) {
    discardMessage(input: $input) {
      userErrors {
        message
      }
    }
  }
`)

/** MessageActions are what can be done with a message as it stands; each says what it does. */
export function MessageActions({ message: m, done }: { message: StoryMessage; done: () => void }) {
  const client = useClient()
  const [, go] = useLocation()
  const input = { sessionId: m.session.id, messageId: m.messageId }
  const name = (
    <Code>
      <Name of={m.messageId} />
    </Code>
  )
  const then = (refused: string | null) => {
    if (refused === null) done()
    return refused
  }
  const ended = m.status === 'COMPLETED' || m.status === 'FAILED' || m.status === 'CANCELLED'
  const waits = m.status === 'PENDING' || m.status === 'PAUSED'
  return (
    <Group gap="xs">
      {ended && (
        <Action
          label="Retry"
          title="Retry this message?"
          run={async () => {
            const r = await client.mutation(RetryMessageDocument, { input }).toPromise()
            const again = r.data?.retryMessage?.message
            if (again) go(messagePath(m.session.id, again.messageId))
            return then(refusal(r, (d) => d.retryMessage))
          }}
        >
          What {name} says is written to the session once more, under a new id, behind what waits there. This one stays as it is.
        </Action>
      )}
      {m.status === 'FAILED' && (
        <Action label="Discard" title="Discard this message?" run={async () => then(refusal(await client.mutation(DiscardMessageDocument, { input }).toPromise(), (d) => d.discardMessage))}>
          {name} is set aside as cancelled, and needs no attention any more. What it says stays, and it can still be retried.
        </Action>
      )}
      {m.status === 'PENDING' && (
        <Action label="Pause" title="Pause this message?" run={async () => then(refusal(await client.mutation(PauseMessageDocument, { input }).toPromise(), (d) => d.pauseMessage))}>
          The container is not given {name} until somebody resumes it. {m.recurrence && 'It recurs: its series rests with it.'}
        </Action>
      )}
      {m.status === 'PAUSED' && (
        <Action label="Resume" title="Resume this message?" run={async () => then(refusal(await client.mutation(ResumeMessageDocument, { input }).toPromise(), (d) => d.resumeMessage))}>
          {name} waits for the container again.
        </Action>
      )}
      {waits && (
        <Action label="Cancel message" danger title="Cancel this message?" run={async () => then(refusal(await client.mutation(CancelMessageDocument, { input }).toPromise(), (d) => d.cancelMessage))}>
          The container never sees {name}. {m.recurrence && `It recurs (${m.recurrence}): no further run of its series comes either.`} What it says stays and can be read.
        </Action>
      )}
    </Group>
  )
}
