package main

import (
	"strings"

	"github.com/spf13/cobra"
)

const operationFields = "id action filter reason status total done refused startedAt endedAt"

var operationActions = []string{"retry", "pause", "resume", "cancel", "discard"}

func newOperationCommand() *cobra.Command {
	r := &remote{}
	c := newGroup("operation", "Act on many messages and replies: preview, start, list, show, items, cancel", `An operation does one thing with all messages and replies that a filter selects, of
all sessions: retry, pause, resume, cancel or discard. The engine carries it out in the
background, those of a session one after the other, and goes on after a crash.`)
	r.bind(c)
	c.AddCommand(r.operationPreview(), r.operationStart(), r.operationList(), r.operationShow(), r.operationItems(), r.operationCancel())
	return c
}

// mailFilter are the fields of a SearchFilter.
var mailFilter = []field{
	{flag: "text", name: "text", usage: "with these words somewhere in the content"},
	{flag: "id", name: "id", usage: "of this id: a message's, a reply's or a session's"},
	{flag: "session", name: "sessionId", usage: "of this session"},
	{flag: "agent-group", name: "agentGroupId", usage: "of this agent group's sessions"},
	{flag: "channel-type", name: "channelType", usage: "for this channel type"},
	{flag: "kind", name: "kind", usage: "of this kind"},
	{flag: "direction", name: "direction", usage: "only messages (in), or only replies (out)", values: []string{"in", "out"}},
	{flag: "message-status", name: "messageStatus", usage: "messages of this status (repeatable); leaves out replies unless --delivery-status is given too", many: true,
		values: []string{"pending", "paused", "completed", "failed", "cancelled"}},
	{flag: "delivery-status", name: "deliveryStatus", usage: "replies of this status (repeatable); leaves out messages unless --message-status is given too", many: true,
		values: []string{"pending", "paused", "failed", "unknown", "dropped", "cancelled"}},
	{flag: "since", name: "since", usage: "with a timestamp from then on"},
	{flag: "until", name: "until", usage: "with a timestamp before then"},
}

func operationAction(arg string) (string, error) {
	for _, a := range operationActions {
		if strings.EqualFold(arg, a) {
			return enum(a), nil
		}
	}
	return "", failf(exitUsage, "%q is not one of %s", arg, strings.Join(operationActions, ", "))
}

func (r *remote) operationPreview() *cobra.Command {
	c := &cobra.Command{Use: "preview ACTION", Short: "Count what an operation would act on", Args: cobra.ExactArgs(1), ValidArgs: operationActions,
		Long: `Count what an operation would act on: of what the filter selects, all that the
action is for. To retry are messages that failed and were not retried yet, and replies
that failed, were dropped or may be lost; with --message-status completed also messages
that were completed, and so with cancelled. To discard is what failed.`,
		Example: "  engine operation preview retry --agent-group support --message-status failed",
		RunE: func(c *cobra.Command, args []string) error {
			action, err := operationAction(args[0])
			if err != nil {
				return err
			}
			return r.show(c, `query($action: OperationAction!, $filter: SearchFilter!) { operationPreview(action: $action, filter: $filter) {
				count messages replies sessions more index { indexedUntil behind building } } }`,
				map[string]any{"action": action, "filter": given(c, mailFilter)}, "operationPreview")
		}}
	bindFields(c, mailFilter)
	return c
}

func (r *remote) operationStart() *cobra.Command {
	var id, reason string
	var count int
	c := &cobra.Command{Use: "start ACTION --reason TEXT --expect COUNT", Short: "Act on all that a filter selects", Args: cobra.ExactArgs(1), ValidArgs: operationActions,
		Long: `Act on all that a filter selects. --expect is the count of "engine operation
preview": if the filter selects more or less by now, that is a conflict, and nothing
is done. The operation is printed as it begins; "engine operation show" tells how far
it is.`,
		Example: `  engine operation start retry --message-status failed --since 2026-01-31T00:00:00Z --expect 42 --reason "the model was down"`,
		RunE: func(c *cobra.Command, args []string) error {
			action, err := operationAction(args[0])
			if err != nil {
				return err
			}
			input := map[string]any{"action": action, "filter": given(c, mailFilter), "reason": reason, "expectedCount": count}
			if id != "" {
				input["id"] = id
			}
			return r.mutateAndPrint(c, "startOperation", "operation", "operation { "+operationFields+" }", input, nil)
		}}
	bindFields(c, mailFilter)
	c.Flags().StringVar(&id, "operation", "", "an id for it, so that to start it again starts no other")
	c.Flags().StringVar(&reason, "reason", "", "why, for those who look at the messages later")
	c.Flags().IntVar(&count, "expect", 0, "how many it is to act on")
	must(c.MarkFlagRequired("reason"))
	must(c.MarkFlagRequired("expect"))
	return c
}

func (r *remote) operationList() *cobra.Command {
	p := paging{}
	c := &cobra.Command{Use: "list", Short: "List operations, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return r.list(c, list{document: `query($first: Int, $after: String) { operations(first: $first, after: $after) { nodes { ` + operationFields + " } " + pageInfo + " } }",
				path: []string{"operations"}, columns: []column{{"OPERATION", "id"}, {"ACTION", "action"}, {"STATUS", "status"}, {"TOTAL", "total"},
					{"DONE", "done"}, {"REFUSED", "refused"}, {"STARTED", "startedAt"}, {"REASON", "reason"}}}, p)
		}}
	p.bind(c, false)
	return c
}

func (r *remote) operationShow() *cobra.Command {
	return &cobra.Command{Use: "show OPERATION", Short: "Show how far an operation is", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return r.show(c, "query($id: ID!) { operation(id: $id) { "+operationFields+" } }", map[string]any{"id": args[0]}, "operation")
		}}
}

func (r *remote) operationItems() *cobra.Command {
	fields := []field{{flag: "outcome", name: "outcome", usage: "only those that are pending, done or refused", values: []string{"pending", "done", "refused"}}}
	p := paging{}
	c := &cobra.Command{Use: "items OPERATION", Short: "List what an operation acts on, in order", Args: cobra.ExactArgs(1),
		Example: "  engine operation items op-0199… --outcome refused",
		RunE: func(c *cobra.Command, args []string) error {
			variables := given(c, fields)
			variables["id"] = args[0]
			return r.list(c, list{document: `query($id: ID!, $outcome: OperationOutcome, $first: Int, $after: String) { operation(id: $id) {
				items(first: $first, after: $after, outcome: $outcome) { nodes { direction sessionId messageId replyId outcome problem retriedAs } ` + pageInfo + " } } }",
				variables: variables, path: []string{"operation", "items"}, columns: []column{{"SESSION", "sessionId"}, {"ID", "messageId,replyId"},
					{"OUTCOME", "outcome"}, {"RETRIED AS", "retriedAs"}, {"PROBLEM", "problem"}}}, p)
		}}
	bindFields(c, fields)
	p.bind(c, false)
	return c
}

func (r *remote) operationCancel() *cobra.Command {
	return &cobra.Command{Use: "cancel OPERATION", Short: "Call off what an operation has not come to", Args: cobra.ExactArgs(1),
		Long: "Call off what an operation has not come to. What it did stays done.",
		RunE: func(c *cobra.Command, args []string) error {
			return r.mutateAndPrint(c, "cancelOperation", "operation", "operation { "+operationFields+" }", map[string]any{"id": args[0]}, nil)
		}}
}
