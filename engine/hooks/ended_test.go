package hooks_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

// ending ends its chain's context when the first hook has answered.
type ending struct {
	*subject
	end func()
}

func (s ending) Replace(a engine.HookAnswer) error {
	defer s.end()
	return s.subject.Replace(a)
}

// runEnding runs a chain whose context ends, for a cause, when the first hook
// has answered.
func (b *bench) runEnding(cause error) (content string, action engine.HookAction, err error) {
	b.t.Helper()
	ctx, cancel := context.WithCancelCause(b.t.Context())
	defer cancel(nil)
	s := &subject{content: `"hello"`}
	action, err = b.Run(ctx, onMessage("a", ending{s, func() { cancel(cause) }}))
	return s.content, action, err
}

func TestWhoIsNotCalledForLackOfTimeHasFailed(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("first", answering(`{"action":"replace","content":"1"}`).bytes())
	b.mustUse("second", answering(`{"action":"replace","content":"2"}`).bytes())
	if content, _, err := b.message("a"); content != `"2"` || err != nil {
		t.Fatalf("with time left the content is %s, %v", content, err)
	}
	for range 10 { // it counts for no circuit
		_, action, err := b.runEnding(engine.ErrHookTime)
		mustFail(t, err, engine.CodeHookFailed, `hook "second" failed at on_message`, "it was not called: the time for all hooks of one operation is over")
		if action != engine.HookFailed {
			t.Errorf("the action is %s", action)
		}
	}
	if s := b.State("second"); s.Circuit != engine.CircuitClosed || s.Stats.Failures != 10 {
		t.Errorf("its circuit is %s after %d failures", s.Circuit, s.Stats.Failures)
	}
	b.records[1].OnFailure = engine.HookSkip
	b.Use(b.records)
	if content, action, err := b.runEnding(engine.ErrHookTime); content != `"1"` || action != engine.HookReplaced || err != nil {
		t.Errorf("where it may be skipped: %s, %s, %v", content, action, err)
	}
}

func TestWhoseTimeIsOverIsNotCalled(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering(`{"action":"replace","content":"1"}`).bytes(), func(r *engine.HookRecord) { r.Limits.Instances = 1 })
	until := func(at time.Time) engine.HookCall {
		call := onMessage("a", &subject{content: `"hello"`})
		call.Until = at
		return call
	}
	refused := func(when string, call engine.HookCall) {
		t.Helper()
		_, err := b.Run(t.Context(), call)
		if err == nil {
			t.Fatalf("%s it was called", when)
		}
		mustFail(t, err, engine.CodeHookFailed, `hook "one" failed at on_message`, "it was not called: the time for all hooks of one operation is over")
	}
	refused("before there is an instance", until(time.Now()))
	if action, err := b.Run(t.Context(), until(time.Now().Add(time.Hour))); action != engine.HookReplaced || err != nil {
		t.Fatalf("with an hour left: %s, %v", action, err)
	}
	refused("with an instance that is free", until(time.Now()))
	ran := b.State("one").Stats
	if ran.Calls != 3 || ran.Failures != 2 {
		t.Errorf("it has %d calls, %d failures", ran.Calls, ran.Failures)
	}

	entered, hold := make(chan struct{}), make(chan struct{})
	held := make(chan error)
	go func() {
		_, err := b.Run(t.Context(), onMessage("a", &subject{content: `""`, entered: entered, hold: hold}))
		held <- err
	}()
	<-entered
	refused("while the instance is another's", until(time.Now().Add(10*time.Millisecond)))
	close(hold)
	if err := <-held; err != nil {
		t.Error(err)
	}
	if s := b.State("one"); s.Circuit != engine.CircuitClosed {
		t.Errorf("its circuit is %s", s.Circuit)
	}
	if n := b.metric("waiting"); n != 0 {
		t.Errorf("%v wait", n)
	}
}

// A message has hundreds of attachments, and a chain hundreds of hooks.
func TestNothingIsReadForHooksThatHaveNoTimeLeft(t *testing.T) {
	for point, most := range map[engine.HookPoint]int{engine.HookOnMessage: 1, engine.HookOnAttachment: 0} {
		b := mustOpen(t)
		for _, name := range []string{"a", "b", "c"} {
			b.mustUse(name, answering(`{"action":"replace","content":"1"}`).bytes(), func(r *engine.HookRecord) {
				r.Points, r.OnFailure = []engine.HookPoint{point}, engine.HookSkip
			})
		}
		s := &subject{point: point, content: `"hello"`}
		call := onMessage("a", s)
		call.Point, call.Until = point, time.Now()
		action, err := b.Run(t.Context(), call)
		if action != engine.HookPassed || err != nil || s.appended > most || b.State("c").Stats.Failures != 1 {
			t.Errorf("%s: it was read %d times, and is %s, %v", point, s.appended, action, err)
		}
	}
}

func TestNoHookIsCalledForACallerWhoHasGone(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("first", answering(`{"action":"replace","content":"1"}`).bytes())
	b.mustUse("second", answering(`{"action":"replace","content":"2"}`).bytes(), func(r *engine.HookRecord) { r.OnFailure = engine.HookSkip })
	content, _, err := b.runEnding(errors.New("gone"))
	mustFail(t, err, engine.CodeUnavailable, `before the hook "second" was called`)
	if content != `"1"` {
		t.Errorf("the content is %s", content)
	}
	if s := b.State("second"); s.Stats.Calls != 0 || s.Stats.Failures != 0 {
		t.Errorf("the second has %d calls, %d failures", s.Stats.Calls, s.Stats.Failures)
	}
}

func TestAHookThatFailsAtEachMessageDoesNotFillTheLog(t *testing.T) {
	var log strings.Builder
	b := mustOpen(t, func(o *hooks.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	b.mustUse("bad", answering(`{"action":"dance"}`).bytes())
	fail := func(times int) {
		t.Helper()
		for range times {
			_, _, err := b.message("a")
			mustFail(t, err, engine.CodeHookFailed)
		}
	}
	fail(4)
	if n := strings.Count(log.String(), "a hook failed"); n != 1 {
		t.Errorf("%d lines for 4 failures", n)
	}
	b.clock.pass(10 * time.Second)
	fail(1)
	if n := strings.Count(log.String(), "a hook failed"); n != 2 || !strings.Contains(log.String(), "unloggedBefore=3") {
		t.Errorf("%d lines after a while:\n%s", n, &log)
	}
}
