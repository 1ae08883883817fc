package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

var replyWayColumns = []column{{"SESSION", "session.id"}, {"REPLY", "replyId"}, {"CHANNEL", "channelType"}, {"CHAT", "platformId"},
	{"DELIVERY", "delivery.status"}, {"ATTEMPTS", "delivery.attempts"}, {"NEXT", "delivery.nextAttemptAt"}, {"ERROR", "delivery.lastError"},
	{"CONTENT", "content.text,content"}}

func (r *remote) replyClaim() *cobra.Command {
	fields := []field{
		{flag: "channel-type", name: "channelTypes", usage: "only those for this channel type (repeatable)", many: true},
		{flag: "session", name: "sessionId", usage: "only those of this session"},
	}
	var most int
	var lease time.Duration
	c := &cobra.Command{Use: "claim", Short: "Take replies that are due, to send them", Args: cobra.NoArgs,
		Long: `Take replies that are due, oldest first, to send them: nobody else is given them
until --lease is over. Say with "engine reply mark" what became of each. Those of
a channel type that has a webhook are not given out.`,
		Example: "  engine reply claim --channel-type telegram -o ndjson",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			input := given(c, fields)
			input["max"], input["leaseSeconds"] = most, int(lease/time.Second)
			payload, err := cl.mutate(c.Context(), "claimReplies", "replies { "+replyFields+" }", input)
			if err != nil {
				return err
			}
			var rows []json.RawMessage
			if err := json.Unmarshal(dig(payload, "replies"), &rows); err != nil {
				return fmt.Errorf("the engine's answer is not a list: %w", err)
			}
			return printRows(c.OutOrStdout(), r.output, replyWayColumns, rows)
		}}
	bindFields(c, fields)
	c.Flags().IntVar(&most, "max", 10, "how many at most, 1 to 100")
	c.Flags().DurationVar(&lease, "lease", time.Minute, "how long nobody else is given them")
	return c
}

func (r *remote) replyMark() *cobra.Command {
	fields := []field{
		{flag: "platform-message-id", name: "platformMessageId", usage: "the id that the platform gave it"},
		{flag: "error", name: "error", usage: "why it failed"},
	}
	c := &cobra.Command{Use: "mark SESSION REPLY (delivered|failed)", Short: "Say what became of a reply", Args: cobra.ExactArgs(3),
		ValidArgs: []string{"delivered", "failed"},
		Example: `  engine reply mark sess-0199… r1 delivered --platform-message-id 77
  engine reply mark sess-0199… r1 failed --error "the chat is gone"`,
		RunE: func(c *cobra.Command, args []string) error {
			outcome := enum(args[2])
			if outcome != "DELIVERED" && outcome != "FAILED" {
				return failf(exitUsage, "%q is not delivered or failed", args[2])
			}
			input := given(c, fields)
			input["sessionId"], input["replyId"], input["outcome"] = args[0], args[1], outcome
			return r.mutateAndPrint(c, "markDelivered", "reply", "reply { "+replyFields+" }", input, nil)
		}}
	bindFields(c, fields)
	return c
}

func (r *remote) replyUnsettled() *cobra.Command {
	filter := []field{
		{flag: "status", name: "status", usage: "only those that are pending, paused, unknown or failed", values: []string{"pending", "paused", "unknown", "failed"}, many: true},
		{flag: "channel-type", name: "channelType", usage: "only those for this channel type"},
	}
	p := paging{}
	c := &cobra.Command{Use: "unsettled", Short: "List replies of all sessions that are not delivered, oldest first", Args: cobra.NoArgs,
		Example: "  engine reply unsettled --status failed",
		RunE: func(c *cobra.Command, _ []string) error {
			return r.list(c, list{document: `query($first: Int, $after: String, $status: [DeliveryStatus!], $channelType: String) {
				unsettledReplies(first: $first, after: $after, status: $status, channelType: $channelType) { nodes { ` + replyFields + " } " + pageInfo + " } }",
				variables: given(c, filter), path: []string{"unsettledReplies"}, columns: replyWayColumns}, p)
		}}
	bindFields(c, filter)
	p.bind(c, false)
	return c
}
