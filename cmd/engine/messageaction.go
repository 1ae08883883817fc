package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
)

// messageAction is something that is done with one message.
type messageAction struct{ verb, mutation, short, long string }

func messageActions() []messageAction {
	return []messageAction{
		{"pause", "pauseMessage", "Hold a message back", "Hold a message back that waits: its container does not see it until it is resumed.\nWhat recurs rests with it; any message of its series will do."},
		{"resume", "resumeMessage", "Let a paused message wait again", "Let a paused message wait for its container again."},
		{"cancel", "cancelMessage", "Call a message off", "Call off a message that waits or is paused. If it recurs, it does so no more: any\nmessage of its series will do, and a run that is worked on is the last."},
		{"discard", "discardMessage", "Call off a message that failed", "Call off a message that failed: it is cancelled then, and nobody is to look at it any\nmore. Its series goes on."},
		{"retry", "retryMessage", "Write an ended message again", "Write a message that was completed, failed or cancelled once more, under a new id,\nwhich is printed."},
	}
}

func isMessageAction(mutation string) bool {
	return slices.ContainsFunc(messageActions(), func(a messageAction) bool { return a.mutation == mutation })
}

func (r *remote) messageAct(a messageAction) *cobra.Command {
	return &cobra.Command{Use: a.verb + " SESSION MESSAGE", Short: a.short, Args: cobra.ExactArgs(2),
		Long: a.long + "\n\nWhat the container works on cannot be taken from it: that is a conflict, with the\nreason.",
		RunE: func(c *cobra.Command, args []string) error {
			return r.mutateAndPrint(c, a.mutation, "message", "message { "+messageFields+" }", map[string]any{"sessionId": args[0], "messageId": args[1]}, nil)
		}}
}

func (r *remote) messageTail() *cobra.Command {
	last := 10
	c := &cobra.Command{Use: "tail SESSION", Short: "Follow a session's messages", Args: cobra.ExactArgs(1),
		Long: `Print a session's newest messages, and then each message as it is written and each
time its status changes, until interrupted. A message that changes twice in one
moment is printed as it is then.`,
		Example: `  engine message tail sess-0199…
  engine message tail sess-0199… --last 0 -o ndjson | jq -r '.messageId + " " + .status'`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(r.output); err != nil {
				return err
			}
			if r.output == "json" {
				return failf(exitUsage, "messages never end, so -o json would print nothing: take ndjson")
			}
			if last < 0 || last > maxPage {
				return failf(exitUsage, "--last is 0 to %d", maxPage)
			}
			ctx, stop := interruptible(c.Context())
			defer stop()
			return r.tailMessages(ctx, c.OutOrStdout(), args[0], last)
		}}
	c.Flags().IntVar(&last, "last", last, "how many of the newest to begin with")
	return c
}

const tailFields = "nodes { " + messageFields + " }"

// tailMessages prints messages as they change. The end of ctx is no error.
func (r *remote) tailMessages(ctx context.Context, w io.Writer, sessionID string, last int) error {
	cl, err := r.client()
	if err != nil {
		return err
	}
	if _, err := cl.find(ctx, "query($session: ID!) { session(id: $session) { id } }", map[string]any{"session": sessionID}, "session"); err != nil {
		return err
	}
	begun := last == 0
	q := eventQuery{session: sessionID, types: []string{"MESSAGE_WRITTEN", "MESSAGE_UPDATED"}, follow: true}
	return r.follow(ctx, q, func(event json.RawMessage) error {
		cl, err := r.client()
		if err != nil {
			return err
		}
		// Not before events are followed: what is written in between is in them.
		if !begun {
			begun = true
			if err := cl.printNewest(ctx, w, r.output, sessionID, last); err != nil {
				return err
			}
		}
		var what struct{ MessageID string }
		if event == nil || json.Unmarshal(event, &what) != nil || what.MessageID == "" {
			return nil
		}
		data, err := cl.query(ctx, "query($session: ID!, $id: String!) { message(sessionId: $session, messageId: $id) { "+messageFields+" } }",
			map[string]any{"session": sessionID, "id": what.MessageID})
		if err != nil {
			return err
		}
		return printMessage(w, r.output, dig(data, "message"))
	})
}

func (c *client) printNewest(ctx context.Context, w io.Writer, format, sessionID string, n int) error {
	data, err := c.query(ctx, "query($session: ID!, $last: Int) { session(id: $session) { messages(last: $last) { "+tailFields+" } } }",
		map[string]any{"session": sessionID, "last": n})
	if err != nil {
		return err
	}
	var messages []json.RawMessage
	if err := json.Unmarshal(dig(data, "session", "messages", "nodes"), &messages); err != nil {
		return fmt.Errorf("the engine's answer is not a page: %w", err)
	}
	for _, m := range messages {
		if err := printMessage(w, format, m); err != nil {
			return err
		}
	}
	return nil
}

// printMessage prints a message; as a table, as a line of text, for there is
// no last row by which columns could be measured.
func printMessage(w io.Writer, format string, m json.RawMessage) error {
	if m == nil || string(m) == "null" {
		return nil
	}
	if format == "ndjson" {
		return printLine(w, m)
	}
	content := dig(m, "content", "text")
	if content == nil {
		content = dig(m, "content")
	}
	_, err := fmt.Fprintf(w, "%-5s %-10s %s %s %s\n", cell(dig(m, "seq")), cell(dig(m, "status")), cell(dig(m, "kind")), clip(cell(dig(m, "messageId"))), clip(cell(content)))
	return err
}
