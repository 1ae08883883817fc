import { Fragment } from 'react'
import type { SearchFilter } from '../gql/graphql'
import { Name } from './name'

const words: Partial<Record<keyof SearchFilter, string>> = {
  text: 'with the words',
  id: 'with the id',
  sessionId: 'of the session',
  agentGroupId: 'of the agent group',
  channelType: 'of the channel type',
  kind: 'of the kind',
  messageStatus: 'messages that are',
  deliveryStatus: 'replies that are',
  since: 'since',
  until: 'until',
}

/** FilterWords says what a filter selects. */
export function FilterWords({ filter }: { filter: SearchFilter }) {
  const parts = Object.entries(filter).filter(([, v]) => v !== null && v !== undefined)
  if (parts.length === 0) return 'There is no filter: it is about all messages and replies of all sessions.'
  return (
    <>
      The filter selects:{' '}
      {parts.map(([key, value], i) => (
        <Fragment key={key}>
          {i > 0 && ', '}
          {said(key as keyof SearchFilter, value)}
        </Fragment>
      ))}
      .
    </>
  )
}

function said(key: keyof SearchFilter, value: unknown) {
  if (key === 'direction') return value === 'IN' ? 'messages' : 'replies'
  if (key === 'waiting') return 'what waits for the container'
  if (key === 'retried') return value === true ? 'what was retried' : 'what was not retried'
  const of = Array.isArray(value) ? value.join(' or ').toLowerCase() : String(value)
  return (
    <>
      {words[key] ?? key} <Name of={of} />
    </>
  )
}
