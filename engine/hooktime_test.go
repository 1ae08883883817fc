package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
)

func TestTheTimeOfHooksEndsForWhoAsksAndForWhoWaits(t *testing.T) {
	for name, end := range map[string]func(context.Context) error{
		"asked": func(c context.Context) error {
			for c.Err() == nil {
			}
			return c.Err()
		},
		"waited for": func(c context.Context) error {
			<-c.Done()
			return c.Err()
		},
		"waited for by another": func(c context.Context) error {
			of, cancel := context.WithCancel(c)
			defer cancel()
			<-of.Done()
			return of.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := engine.HookTime(t.Context(), time.Millisecond)
			defer cancel()
			if err := end(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the error is %v", err)
			}
			if cause := context.Cause(ctx); !errors.Is(cause, engine.ErrHookTime) {
				t.Errorf("the cause is %v", cause)
			}
		})
	}
}

func TestHooksEndWithTheirRequest(t *testing.T) {
	for _, waits := range []bool{false, true} {
		gone := errors.New("the client has gone")
		request, leave := context.WithCancelCause(t.Context())
		ctx, cancel := engine.HookTime(request, time.Hour)
		defer cancel()
		if waits {
			ctx.Done()
		}
		if err := ctx.Err(); err != nil {
			t.Fatalf("waits: %v, before it ended: %v", waits, err)
		}
		leave(gone)
		<-ctx.Done()
		if err, cause := ctx.Err(), context.Cause(ctx); !errors.Is(err, context.Canceled) || !errors.Is(cause, gone) {
			t.Errorf("waits: %v: the error is %v, the cause %v", waits, err, cause)
		}
	}
}

func TestTheEarlierOfTwoDeadlinesHolds(t *testing.T) {
	request, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	want, _ := request.Deadline()
	ctx, end := engine.HookTime(request, 2*time.Hour)
	defer end()
	if got, ok := ctx.Deadline(); !ok || !got.Equal(want) {
		t.Errorf("the deadline is %v, %v, and not the request's, %v", got, ok, want)
	}
	ctx, end = engine.HookTime(request, time.Minute)
	defer end()
	if got, ok := ctx.Deadline(); !ok || !got.Before(want) {
		t.Errorf("the deadline is %v, %v, and not the hooks' own", got, ok)
	}
}
