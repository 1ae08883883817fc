package engine

import (
	"context"
	"slices"
)

type messageKey struct{ sessionID, messageID string }

// holdIDs keeps others from taking messages with the ids that senders gave
// through the hooks, until release: who sends one again meanwhile finds it
// accepted afterwards, and runs no hooks. The caller is inside the session's
// gate.
func (e *Engine) holdIDs(ctx context.Context, sessionID string, in []WriteMessageInput) (release func(), err error) {
	var ids []string
	for i := range in {
		if id := in[i].MessageID; id != nil {
			ids = append(ids, *id)
		}
	}
	if len(ids) == 0 {
		return func() {}, nil
	}
	slices.Sort(ids) // no two batches wait for each other
	var held []func()
	release = func() {
		for _, unlock := range held {
			unlock()
		}
	}
	for _, id := range slices.Compact(ids) {
		unlock, err := e.accepting.lock(ctx, messageKey{sessionID, id})
		if err != nil {
			release()
			return nil, Unavailable(err, "hooks still run for message %q, which was sent before; send it again in a moment", clip(id))
		}
		held = append(held, unlock)
	}
	return release, nil
}
