package delivery_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

// hooks is a chain that does what the test says.
type hooks struct {
	engine.HookHost
	mu    sync.Mutex // guards calls
	calls []string
	run   func(id string, c engine.HookCall) (engine.HookAction, error)
}

func (*hooks) Use([]engine.HookRecord)                              {}
func (*hooks) Keep([]string) error                                  { return nil }
func (*hooks) Applies(p engine.HookPoint, _ engine.HookTarget) bool { return p == engine.HookOnReply }
func (h *hooks) Run(ctx context.Context, c engine.HookCall) (engine.HookAction, error) {
	input, err := c.Subject.AppendInput(ctx, nil)
	if err != nil {
		return "", err
	}
	var in struct{ Reply struct{ ID string } }
	if err := json.Unmarshal(input, &in); err != nil {
		return "", err
	}
	h.mu.Lock()
	h.calls = append(h.calls, in.Reply.ID)
	h.mu.Unlock()
	return h.run(in.Reply.ID, c)
}

func TestHooksDecideOnceBeforeTheFirstAttempt(t *testing.T) {
	k := &hooks{run: func(id string, c engine.HookCall) (engine.HookAction, error) {
		switch id {
		case "drop":
			return engine.HookDropped, nil
		case "reject":
			return "", engine.Errorf(engine.CodeHookRejected, "not nice")
		}
		return engine.HookReplaced, c.Subject.Replace(engine.HookAnswer{Content: json.RawMessage(`{"text":"clean"}`)})
	}}
	h, c := newHost(t, k)
	r := newReceiver(t, func(request) int { return 500 })
	push(t, h, r.URL)
	s := session(t, h)
	say(t, h, s, "replace", 1)
	hosttest.Wait(t, "the first attempt", func() bool { return status(t, h, s, "replace").LastError != nil })
	r.answerWith(ok)
	c.pass(time.Minute)
	hosttest.Wait(t, "the second attempt", func() bool {
		d := status(t, h, s, "replace")
		if d.NextAttemptAt != nil && d.NextAttemptAt.Before(c.now()) {
			c.pass(time.Second) // the pass that made the first attempt saw the clock move, and rests
		}
		return d.Status == engine.DeliveryDelivered
	})
	if q := r.last(); q.Attempt != 2 || string(q.Reply.Content) != `{"text":"clean"}` {
		t.Errorf("sent %+v", q)
	}
	say(t, h, s, "drop", 3)
	say(t, h, s, "reject", 5)
	waitStatus(t, h, s, "drop", engine.DeliveryDropped)
	waitStatus(t, h, s, "reject", engine.DeliveryFailed)
	if d := status(t, h, s, "reject"); d.LastError == nil || !strings.Contains(*d.LastError, "not nice") {
		t.Errorf("refused: %+v", d)
	}
	if !slices.Equal(k.calls, []string{"replace", "drop", "reject"}) || len(r.ids("")) != 2 {
		t.Errorf("hooks were called for %q, and %q was sent", k.calls, r.ids(""))
	}
}

func TestAContainerCannotForgeWhatHooksDecided(t *testing.T) {
	k := &hooks{run: func(_ string, c engine.HookCall) (engine.HookAction, error) {
		return engine.HookReplaced, c.Subject.Replace(engine.HookAnswer{Content: json.RawMessage(`{"text":"clean"}`)})
	}}
	h, _ := newHost(t, k)
	s := session(t, h)
	say(t, h, s, "r", 1)
	hosttest.Wait(t, "the hook's verdict", func() bool {
		return len(h.Rows(t, s, "inbound.db", `SELECT 1 FROM sqlite_schema WHERE name = 'engine_outbox'`)) == 1 &&
			len(h.Rows(t, s, "inbound.db", `SELECT 1 FROM engine_outbox WHERE content IS NOT NULL`)) == 1
	})
	for _, forgery := range []string{`UPDATE engine_outbox SET content = '{"text":"rude"}'`, `UPDATE engine_outbox SET content = NULL`, `UPDATE engine_outbox SET seal = x'00'`} {
		h.Exec(t, s, "inbound.db", forgery+`, state = 'pending', lease_until = NULL`)
		replies, err := h.ClaimReplies(t.Context(), engine.ClaimRepliesInput{Max: 1, LeaseSeconds: 60})
		if err != nil || len(replies) != 1 || replies[0].Content != `{"text":"clean"}` {
			t.Errorf("after %s: %+v, %v", forgery, replies, err)
		}
	}
}
