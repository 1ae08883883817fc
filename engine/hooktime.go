package engine

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

// ErrHookTime is the cause of a context whose time for the hooks of one
// operation is over; see Limits.HookTime.
var ErrHookTime = errors.New("the time for all hooks of one operation is over")

// hookTime bounds the hooks of one operation. A message may have hundreds of
// attachments and a chain hundreds of hooks, each of which keeps to its own
// limits.
func (e *Engine) hookTime(ctx context.Context) (context.Context, context.CancelFunc) {
	t := &timedContext{Context: ctx, begun: time.Now(), most: cmp.Or(e.limits.HookTime, DefaultLimits().HookTime)}
	return t, t.end
}

// timedContext is what context.WithTimeoutCause makes, but that there is a timer
// only once somebody waits: a hook that an instance is free for does not, and a
// timer costs as much as its call.
type timedContext struct {
	context.Context
	begun time.Time
	most  time.Duration

	mu     sync.Mutex // guards what follows
	timed  context.Context
	cancel context.CancelFunc
}

// inner is the context with the timer, which is made if there is none; nil if
// it is not to be made.
func (t *timedContext) inner(need bool) context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timed == nil && need {
		t.timed, t.cancel = context.WithDeadlineCause(t.Context, t.begun.Add(t.most), ErrHookTime)
	}
	return t.timed
}

func (t *timedContext) Deadline() (time.Time, bool) {
	own := t.begun.Add(t.most)
	if of, ok := t.Context.Deadline(); ok && of.Before(own) {
		return of, true
	}
	return own, true
}

func (t *timedContext) Done() <-chan struct{} { return t.inner(true).Done() }

func (t *timedContext) Err() error {
	if time.Since(t.begun) < t.most {
		return t.Context.Err()
	}
	return t.inner(true).Err()
}

// Value also finds the cause: context.Cause asks the innermost context that has
// one.
func (t *timedContext) Value(key any) any {
	if inner := t.inner(false); inner != nil {
		return inner.Value(key)
	}
	return t.Context.Value(key)
}

// end releases the timer. The context is not to be used any more.
func (t *timedContext) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel != nil {
		t.cancel()
	}
}
