/** An example is a tab that GraphiQL opens with, until the user has tabs of their own. */
type Example = { query: string; variables?: string }

const json = (v: unknown) => JSON.stringify(v, null, 2)

export const examples: Example[] = [
  {
    query: `# The newest sessions, each with the end of its conversation. Run it by Ctrl-Enter.
query Sessions {
  sessions(first: 5) {
    nodes {
      id
      status
      containerStatus
      agentGroup { id name }
      messages(last: 3) { nodes { messageId status contentText } }
      replies(last: 3) { nodes { replyId inReplyTo contentText delivery { status attempts lastError } } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
  },
  {
    query: `# What needs somebody; each filter can be passed to search.
query Attention {
  attention {
    failedReplies { count more filter }
    unsettledReplies { count more filter }
    failedMessages { count more filter }
    waitingMessages { count more filter oldest { sessionId messageId at } }
    stuckContainers { count sessions { id heartbeat } }
    hooks { name circuit problem }
  }
}
`,
  },
  {
    query: `# Messages and replies of all sessions, newest first.
query Search($filter: SearchFilter) {
  search(first: 10, filter: $filter) {
    nodes { direction sessionId messageId replyId at snippet messageStatus deliveryStatus }
    pageInfo { hasNextPage endCursor }
    index { indexedUntil behind building }
  }
}
`,
    variables: json({ filter: { text: 'hello' } }),
  },
  {
    query: `# From nothing to a session. Each step may be repeated; pass what the one before gave.
mutation CreateAgentGroup {
  createAgentGroup(input: { id: "demo", name: "Demo" }) {
    agentGroup { id }
    userErrors { code message field }
  }
}

mutation EnsureChat {
  ensureMessagingGroup(input: { channelType: "demo", platformId: "living-room", name: "Living room" }) {
    messagingGroup { id }
    created
    userErrors { code message field }
  }
}

mutation ResolveSession($chat: ID!) {
  resolveSession(input: { agentGroupId: "demo", messagingGroupId: $chat }) {
    session { id folder }
    created
    userErrors { code message field }
  }
}
`,
    variables: json({ chat: 'the id that EnsureChat gave' }),
  },
  {
    query: `# A message with a file. Content is any JSON; for chat, text and attachments are known.
mutation WriteMessage($input: WriteMessageInput!) {
  writeMessage(input: $input) {
    outcome
    message { messageId seq status attachments { name size url } }
    userErrors { code message field }
  }
}
`,
    variables: json({
      input: {
        sessionId: 'sess-…',
        content: { text: 'Hello', attachments: [{ name: 'note.txt', mimeType: 'text/plain', data: 'SGVsbG8K' }] },
      },
    }),
  },
  {
    query: `# What a chain of hooks would make of a content. Nothing is written.
mutation DryRun {
  dryRunHooks(input: { point: ON_MESSAGE, content: { text: "Write to ada@example.com" } }) {
    result
    content
    steps { hook action reason micros fuel log }
    userErrors { code message field }
  }
}

query Hooks {
  hooks { name enabled points order circuit problem stats { calls failures p50Micros p99Micros fuelPerCall } }
}
`,
  },
  {
    query: `# Many at once: first how many there are, then the same filter and count, with a reason.
query Preview($filter: SearchFilter!) {
  operationPreview(action: RETRY, filter: $filter) { count messages replies sessions more }
}

mutation StartOperation($filter: SearchFilter!) {
  startOperation(input: { action: RETRY, filter: $filter, expectedCount: 1, reason: "The service is back" }) {
    operation { id total }
    userErrors { code message field }
  }
}

query Operations {
  operations(first: 5) { nodes { id action reason status total done refused } }
}
`,
    variables: json({ filter: { messageStatus: ['FAILED'] } }),
  },
  {
    query: `# What happens, as it happens. "after" goes on from a cursor; "0" is before the first event that is kept.
subscription Events {
  events {
    cursor
    type
    at
    sessionId
    messageId
    replyId
    hookName
  }
}
`,
  },
]
