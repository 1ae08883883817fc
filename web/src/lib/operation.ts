import { graphql } from '../gql'
import type { OperationAction, OperationFragment } from '../gql/graphql'

graphql(`
  fragment Operation on Operation {
    id
    action
    filter
    reason
    status
    total
    done
    refused
    startedAt
    endedAt
  }
`)
export const OperationDocument = graphql(`
  query Operation($id: ID!) {
    operation(id: $id) {
      ...Operation
      refusals: items(first: 100, outcome: REFUSED) {
        nodes {
          sessionId
          messageId
          replyId
          problem
        }
        pageInfo {
          hasNextPage
        }
      }
    }
  }
`)
export const CancelOperationDocument = graphql(`
  mutation CancelOperation($id: ID!) {
    cancelOperation(input: { id: $id }) {
      userErrors {
        message
      }
    }
  }
`)

export type Operation = OperationFragment

type Words = { all: string; title: string; does: string; danger?: boolean }

/** What each action is called, and does. */
export const actions: Record<OperationAction, Words> = {
  RETRY: {
    all: 'Retry all',
    title: 'Retry all that match?',
    does: 'Failed messages that were not retried yet are written once more, each under a new id, behind what waits in its session; replies that failed, were dropped or may be lost, are delivered now, those of unknown outcome perhaps a second time. What was called off is retried only where the filter has that status.',
  },
  PAUSE: { all: 'Pause all', title: 'Pause all that match?', does: 'Containers are not given messages that wait, and replies that wait are not delivered, until somebody resumes them.' },
  RESUME: { all: 'Resume all', title: 'Resume all that match?', does: 'Paused messages wait for their container again, and paused replies are delivered.' },
  CANCEL: {
    all: 'Cancel all',
    title: 'Cancel all that match?',
    does: 'Messages that wait or are paused are never seen by a container, and what recurs among them comes no more; replies that wait are not delivered. What they say stays and can be read.',
    danger: true,
  },
  DISCARD: {
    all: 'Discard all',
    title: 'Discard all that match?',
    does: 'Failed messages and replies are set aside as cancelled, and need no attention any more; series go on. What they say stays, and each can still be retried.',
  },
}
