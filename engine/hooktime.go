package engine

import (
	"context"
	"errors"
)

// ErrHookTime is the cause of a context whose time for the hooks of one
// operation is over; see Limits.HookTime.
var ErrHookTime = errors.New("the time for all hooks of one operation is over")

// hookTime bounds the hooks of one operation. A message may have hundreds of
// attachments and a chain hundreds of hooks, each of which keeps to its own
// limits.
func (e *Engine) hookTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, e.limits.OrDefaults().HookTime, ErrHookTime)
}
