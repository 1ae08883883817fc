package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const (
	attachmentFields = "attachments { name path size mimeType url }"
	messageFields    = `id messageId session { id } seq kind timestamp status content ` + attachmentFields + `
	platformId channelType threadId processAfter recurrence timeZone seriesId tries trigger onWake sourceSessionId problem`
)

func newMessageCommand() *cobra.Command {
	r := &remote{}
	c := newGroup("message", "What agents are told: list, show, tail, write, retry, pause, …", "A message is what a session's agent is told: a row of its inbound.db, with its\nattachments in the inbox.")
	r.bind(c)
	c.AddCommand(r.messageList(), r.messageShow(), r.messageTail(), r.messageWrite(), r.messageSystemResponse())
	for _, a := range messageActions() {
		c.AddCommand(r.messageAct(a))
	}
	return c
}

func (r *remote) messageList() *cobra.Command {
	filter := []field{{flag: "status", name: "status", usage: "only pending, processing, paused, completed, failed, cancelled or unknown ones", values: []string{"pending", "processing", "paused", "completed", "failed", "cancelled", "unknown"}, many: true}}
	p := paging{}
	c := &cobra.Command{Use: "list SESSION", Short: "List a session's messages, in order", Args: cobra.ExactArgs(1),
		Example: `  engine message list sess-0199… --last 20
  engine message list sess-0199… --status failed -o json`,
		RunE: func(c *cobra.Command, args []string) error {
			return r.list(c, mailboxList("messages", "[MessageStatus!]", messageFields, args[0], given(c, filter), []column{
				{"SEQ", "seq"}, {"MESSAGE", "messageId"}, {"KIND", "kind"}, {"STATUS", "status"}, {"TRIES", "tries"},
				{"TIME", "timestamp"}, {"CONTENT", "content.text,content"}}), p)
		}}
	bindFields(c, filter)
	p.bind(c, true)
	return c
}

// mailboxList is a session's messages or replies.
func mailboxList(name, statusType, fields, sessionID string, variables map[string]any, columns []column) list {
	variables["session"] = sessionID
	return list{
		document: "query($session: ID!, $first: Int, $after: String, $last: Int, $before: String, $status: " + statusType +
			") { session(id: $session) { " + name + "(first: $first, after: $after, last: $last, before: $before, status: $status) { nodes { " +
			fields + " } " + pageInfo + " } } }",
		variables: variables, path: []string{"session", name}, columns: columns,
	}
}

func (r *remote) messageShow() *cobra.Command {
	return &cobra.Command{Use: "show SESSION MESSAGE", Short: "Show a message", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return r.show(c, "query($session: ID!, $id: String!) { message(sessionId: $session, messageId: $id) { "+messageFields+" } }",
				map[string]any{"session": args[0], "id": args[1]}, "message")
		}}
}

func (r *remote) messageWrite() *cobra.Command {
	fields := []field{
		{flag: "id", name: "messageId", usage: "its id: written again with the same content, it is answered with the first result"},
		{flag: "kind", name: "kind", usage: "chat (the default), chat-sdk, task, webhook or system; containers pass over others"},
		{flag: "timestamp", name: "timestamp", usage: "when it was sent (RFC 3339; default: now)"},
		{flag: "process-after", name: "processAfter", usage: "hold it until then (RFC 3339)"},
		{flag: "recurrence", name: "recurrence", usage: `again and again: a cron expression of five fields, "0 9 * * 1-5"`},
		{flag: "time-zone", name: "timeZone", usage: "of --recurrence, such as Europe/Berlin (default: UTC)"},
		{flag: "missed-runs", name: "missedRuns", usage: "of --recurrence: what the engine makes up for after a pause: once, all or skip", values: []string{"once", "all", "skip"}},
		{flag: "source-session", name: "sourceSessionId", usage: "the session of the agent that sends it"},
		{flag: "channel-type", name: "channelType", usage: "where the answer goes (default: the session's own chat)"},
		{flag: "platform-id", name: "platformId", usage: "where the answer goes"},
		{flag: "thread", name: "threadId", usage: "where the answer goes"},
	}
	var body content
	var context, onWake bool
	c := &cobra.Command{Use: "write SESSION [--text TEXT | --json JSON] [--attach FILE]...", Short: "Write a message to a session's agent", Args: cobra.ExactArgs(1),
		Long: `Write a message to a session's agent, and print it as it is stored. When this
returns 0, message and attachments are on disk.

The content is --text, or any --json value; each may be - for standard input,
and standard input is the text where neither they nor --attach are given.`,
		Example: `  engine message write sess-0199… --text "What is in this picture?" --attach photo.png
  git diff | engine message write sess-0199… --id review-17
  engine message write sess-0199… --kind task --json '{"prompt":"Report"}' --recurrence "0 9 * * 1-5"`,
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := r.client()
			if err != nil {
				return err
			}
			input := given(c, fields)
			input["sessionId"], input["trigger"], input["onWake"] = args[0], !context, onWake
			if input["content"], err = body.read(c, cl); err != nil {
				return err
			}
			return r.mutateAndPrint(c, "writeMessage", "message", "message { "+messageFields+" } outcome", input, func(payload json.RawMessage) string {
				return strings.ToLower(cell(dig(payload, "outcome")))
			})
		}}
	bindFields(c, fields)
	body.bind(c)
	c.Flags().BoolVar(&context, "context", false, "only context: stored and read along, but it wakes nobody")
	c.Flags().BoolVar(&onWake, "on-wake", false, "only for a container's first look after its start")
	return c
}

func (r *remote) messageSystemResponse() *cobra.Command {
	fields := []field{
		{flag: "request", name: "requestId", usage: "the question's id (required)"},
		{flag: "status", name: "status", usage: "what became of it, such as answered (required)"},
		{flag: "id", name: "messageId", usage: "the message's own id"},
	}
	var result string
	c := &cobra.Command{Use: "system-response SESSION --request ID --status STATUS --result JSON", Short: "Answer a question that an agent asked", Args: cobra.ExactArgs(1),
		Example: `  engine message system-response sess-0199… --request q-1 --status answered --result '{"selectedOption":"yes"}'`,
		RunE: func(c *cobra.Command, args []string) error {
			if !json.Valid([]byte(result)) {
				return failf(exitUsage, "--result %q is not JSON", result)
			}
			input := given(c, fields)
			input["sessionId"], input["result"] = args[0], json.RawMessage(result)
			return r.mutateAndPrint(c, "writeSystemResponse", "message", "message { "+messageFields+" }", input, nil)
		}}
	bindFields(c, fields)
	c.Flags().StringVar(&result, "result", "null", "the answer, as JSON")
	for _, name := range []string{"request", "status"} {
		must(c.MarkFlagRequired(name))
	}
	return c
}

// errNoContent says how to give a message its content.
func errNoContent() error {
	return &exitError{code: exitUsage, err: fmt.Errorf("there is nothing to write: give --text, --json, --attach, or a text on standard input")}
}
