package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/spf13/cobra"
)

const replyFields = `id replyId session { id } seq kind timestamp inReplyTo content ` + attachmentFields + `
	platformId channelType threadId deliverAfter delivery { status platformMessageId settledAt attempts nextAttemptAt lastError } problem`

func newReplyCommand() *cobra.Command {
	r := &remote{}
	c := newGroup("reply", "What agents answered: list, show, wait, files; claim, mark, retry, pause, resume, cancel, discard, unsettled", "A reply is what a session's agent said: a row of its outbound.db, with its files\nin the outbox.")
	r.bind(c)
	c.AddCommand(r.replyList(), r.replyShow(), r.replyWait(), r.replyFiles(), r.replyClaim(), r.replyMark(), r.replyUnsettled())
	for _, a := range replyActions() {
		c.AddCommand(r.replyAct(a))
	}
	return c
}

func (r *remote) replyList() *cobra.Command {
	filter := []field{{flag: "status", name: "status", usage: "only those whose delivery is pending, paused, delivered, failed, unknown, dropped or cancelled",
		values: []string{"pending", "paused", "delivered", "failed", "unknown", "dropped", "cancelled"}, many: true}}
	p := paging{}
	c := &cobra.Command{Use: "list SESSION", Short: "List a session's replies, in order", Args: cobra.ExactArgs(1),
		Example: "  engine reply list sess-0199… --last 20",
		RunE: func(c *cobra.Command, args []string) error {
			return r.list(c, replyList(args[0], given(c, filter)), p)
		}}
	bindFields(c, filter)
	p.bind(c, true)
	return c
}

func replyList(sessionID string, variables map[string]any) list {
	return mailboxList("replies", "[DeliveryStatus!]", replyFields, sessionID, variables, []column{
		{"SEQ", "seq"}, {"REPLY", "replyId"}, {"IN REPLY TO", "inReplyTo"}, {"KIND", "kind"}, {"DELIVERY", "delivery.status"},
		{"TIME", "timestamp"}, {"CONTENT", "content.text,content"}})
}

const replyDocument = "query($session: ID!, $id: String!) { reply(sessionId: $session, replyId: $id) { " + replyFields + " } }"

func (r *remote) replyShow() *cobra.Command {
	return &cobra.Command{Use: "show SESSION REPLY", Short: "Show a reply", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return r.show(c, replyDocument, map[string]any{"session": args[0], "id": args[1]}, "reply")
		}}
}

func (r *remote) replyWait() *cobra.Command {
	var message string
	var timeout time.Duration
	c := &cobra.Command{Use: "wait SESSION --in-reply-to MESSAGE", Short: "Wait for the reply to a message, and print it", Args: cobra.ExactArgs(1),
		Long: `Wait for the first reply to a message, and print it. It fails when the message
failed or was cancelled without one, and when --timeout is over (exit code 8).`,
		Example: `  id=$(engine message write $session --text "How are you?" -o json | jq -r .messageId)
  engine reply wait $session --in-reply-to "$id" -o json | jq -r .content.text`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			cl, err := r.client()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			reply, err := cl.waitForReply(ctx, args[0], message)
			if errors.Is(err, context.DeadlineExceeded) {
				return failf(exitTimeout, "no reply to %s within %s", message, timeout)
			}
			if err != nil {
				return err
			}
			return printOne(c.OutOrStdout(), r.output, reply)
		}}
	c.Flags().StringVar(&message, "in-reply-to", "", "the message's id (required)")
	c.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long to wait")
	must(c.MarkFlagRequired("in-reply-to"))
	return c
}

// askAgain is how often a wait looks.
const askAgain = 200 * time.Millisecond

// waitForReply returns the first reply to a message. It fails if there can be
// none, and with ctx's error.
func (c *client) waitForReply(ctx context.Context, sessionID, messageID string) (json.RawMessage, error) {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	// Replies that were seen once are not read again.
	variables := map[string]any{"session": sessionID, "message": messageID}
	for {
		data, err := c.query(ctx, `query($session: ID!, $message: String!, $after: String) {
			message(sessionId: $session, messageId: $message) { status }
			session(id: $session) { replies(first: 100, after: $after) { nodes { replyId inReplyTo } pageInfo { hasNextPage endCursor } } }
		}`, variables)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		var answer struct {
			Message *struct{ Status string }
			Session *struct {
				Replies struct {
					Nodes    []struct{ ReplyID, InReplyTo string }
					PageInfo struct {
						HasNextPage bool
						EndCursor   *string
					}
				}
			}
		}
		switch err := json.Unmarshal(data, &answer); {
		case err != nil:
			return nil, fmt.Errorf("the engine's answer cannot be read: %w", err)
		case answer.Session == nil:
			return nil, failf(exitNotFound, "there is no such session")
		case answer.Message == nil:
			return nil, failf(exitNotFound, "there is no such message")
		}
		replies := answer.Session.Replies
		for _, n := range replies.Nodes {
			if n.InReplyTo == messageID {
				return c.find(ctx, replyDocument, map[string]any{"session": sessionID, "id": n.ReplyID}, "reply")
			}
		}
		if replies.PageInfo.EndCursor != nil {
			variables = maps.Clone(variables)
			variables["after"] = *replies.PageInfo.EndCursor
		}
		if replies.PageInfo.HasNextPage {
			continue
		}
		if status := answer.Message.Status; status == "FAILED" || status == "CANCELLED" {
			return nil, fmt.Errorf("message %s is %s, and there is no reply to it", messageID, status)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}
