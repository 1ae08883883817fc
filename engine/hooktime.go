package engine

import (
	"cmp"
	"errors"
	"time"
)

// ErrHookTime is why a hook is not called, once the time for those of one
// operation is over; see Limits.HookTime.
var ErrHookTime = errors.New("the time for all hooks of one operation is over")

// hooksUntil is when the time for the hooks of an operation that begins now is
// over. A message may have hundreds of attachments and a chain hundreds of
// hooks, each of which keeps to its own limits.
func (e *Engine) hooksUntil() time.Time {
	return time.Now().Add(cmp.Or(e.limits.HookTime, DefaultLimits().HookTime))
}
