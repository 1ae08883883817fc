package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// replyAction is something that is done with one reply.
type replyAction struct{ verb, mutation, short, long string }

func replyActions() []replyAction {
	return []replyAction{
		{"retry", "retryReply", "Deliver a reply once more, at once", "Deliver a reply that failed, was dropped or cancelled, is paused, or waits for its\nnext attempt."},
		{"pause", "pauseReply", "Hold a reply back", "Hold a reply back that is not delivered, until it is resumed. Those behind it, in its\nsession and for its channel type, wait with it. An attempt that is under way goes\non, and is the last one if it fails; what is claimed cannot be paused."},
		{"resume", "resumeReply", "Let a paused reply go out", "Let a paused reply go out: at once, unless its own time is to come; and those behind\nit after it."},
		{"cancel", "cancelReply", "Call a reply off", "Call off a reply that waits or is paused: it is not delivered, its agent is told, and\nthose behind it go out. While it is being sent or claimed that is a conflict, and so\nit is when nobody knows whether it arrived; the error says what to do."},
		{"discard", "discardReply", "Call off a reply that failed", "Call off a reply that failed: it is cancelled then, and nobody is to look at it any\nmore."},
	}
}

// isReplyAction tells whether a mutation takes a ReplyActionInput; retryReply is
// older than that.
func isReplyAction(mutation string) bool {
	return mutation != "retryReply" && slices.ContainsFunc(replyActions(), func(a replyAction) bool { return a.mutation == mutation })
}

func (r *remote) replyAct(a replyAction) *cobra.Command {
	return &cobra.Command{Use: a.verb + " SESSION REPLY", Short: a.short, Long: a.long, Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return r.mutateAndPrint(c, a.mutation, "reply", "reply { "+replyFields+" }", map[string]any{"sessionId": args[0], "replyId": args[1]}, nil)
		}}
}
