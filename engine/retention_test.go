package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

const day = 24 * time.Hour

// newKeeper is an engine with a policy, whose clock is the test's.
func newKeeper(t *testing.T, p engine.RetentionPolicy, changes ...func(*engine.Config)) (*hosttest.Host, *clock) {
	t.Helper()
	c := newClock()
	h := hosttest.OpenWith(t, t.TempDir(), sessions.Options{Now: c.now}, engine.NewEventQueue(), append(changes, func(cfg *engine.Config) { cfg.Retention = p })...)
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	return h, c
}

// retain returns each step as "ACTION session", after a dry run said the same
// and did nothing.
func retain(t *testing.T, h *hosttest.Host, max int) (steps []string, report engine.RetentionReport) {
	t.Helper()
	list := func(dry bool) (all []string, r engine.RetentionReport) {
		r, err := h.Retain(t.Context(), max, dry)
		hosttest.Must(t, err)
		for _, s := range r.Steps {
			if s.Problem != "" {
				t.Errorf("%s %s: %s", s.Action, s.Session.ID, s.Problem)
			}
			all = append(all, fmt.Sprint(s.Action, " ", s.Session.ID))
		}
		return all, r
	}
	before := inboxAndWork(hosttest.Tree(t, filepath.Join(h.Data, "v2-sessions")))
	planned, _ := list(true)
	if now := inboxAndWork(hosttest.Tree(t, filepath.Join(h.Data, "v2-sessions"))); now != before {
		t.Errorf("a dry run changed\n%s\nto\n%s", before, now)
	}
	steps, report = list(false)
	if !slices.Equal(planned, steps) {
		t.Errorf("planned %q, did %q", planned, steps)
	}
	return steps, report
}

// stop has what the container wrote taken notice of.
func stop(t *testing.T, h *hosttest.Host, s engine.Session) {
	t.Helper()
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerStopped)
	hosttest.Must(t, err)
}

// answer has the session's container leave a reply that nobody takes, and stop.
func answer(t *testing.T, h *hosttest.Host, s engine.Session) {
	t.Helper()
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r', 1, '2026-01-01T00:00:00Z', 'chat', '{"text":"x"}')`)
	stop(t, h, s)
	hosttest.Wait(t, "the reply to be noticed", func() bool {
		l, err := h.UnsettledReplies(t.Context(), engine.Page{Limit: 1}, engine.UnsettledRepliesFilter{})
		hosttest.Must(t, err)
		return len(l.Items) == 1
	})
}

func TestSessionsInWhichNothingWaitsAreClosedWhenTheyAreIdle(t *testing.T) {
	p := engine.RetentionPolicy{CloseIdle: 7 * day}
	for _, c := range []struct {
		name   string
		do     func(*testing.T, *hosttest.Host, engine.Session)
		closed bool
	}{
		{"nothing", func(*testing.T, *hosttest.Host, engine.Session) {}, true},
		{"a message that was answered", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			h.MustWrite(t, s, "m", "hello")
			h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('m', 'completed', '2026-01-01T00:00:00Z')`)
			stop(t, h, s)
		}, true},
		{"context", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			h.MustWrite(t, s, "m", "hello")
			h.Exec(t, s, "inbound.db", `UPDATE messages_in SET "trigger" = 0`)
		}, true},
		{"a message", func(t *testing.T, h *hosttest.Host, s engine.Session) { h.MustWrite(t, s, "m", "hello") }, false},
		{"a paused message", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			h.MustWrite(t, s, "m", "hello")
			_, err := h.PauseMessage(t.Context(), s.ID, "m")
			hosttest.Must(t, err)
		}, false},
		{"a series that rests", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			h.MustWrite(t, s, "m", "hello")
			h.Exec(t, s, "inbound.db", `UPDATE messages_in SET status = 'failed', recurrence = '0 9 1 1 *', process_after = '2099-01-01T00:00:00Z'`)
		}, false},
		{"a container", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerIdle)
			hosttest.Must(t, err)
		}, false},
		{"a sign of life", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			at := time.Now().Add(30 * day)
			hosttest.Must(t, os.WriteFile(h.Folder(s, ".heartbeat"), nil, 0o600))
			hosttest.Must(t, os.Chtimes(h.Folder(s, ".heartbeat"), at, at))
		}, false},
		{"a reply that nobody took", func(t *testing.T, h *hosttest.Host, s engine.Session) { answer(t, h, s) }, false},
		{"a paused reply", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			answer(t, h, s)
			_, err := h.PauseReply(t.Context(), s.ID, "r")
			hosttest.Must(t, err)
		}, false},
		{"a cancelled reply", func(t *testing.T, h *hosttest.Host, s engine.Session) {
			answer(t, h, s)
			_, err := h.CancelReply(t.Context(), s.ID, "r")
			hosttest.Must(t, err)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, clock := newKeeper(t, p)
			s := h.Session(t)
			c.do(t, h, s)
			clock.move(6 * day)
			if steps, _ := retain(t, h, 100); len(steps) > 0 {
				t.Errorf("too early: %q", steps)
			}
			clock.move(2 * day)
			steps, _ := retain(t, h, 100)
			s, err := h.Engine.Session(t.Context(), s.ID)
			hosttest.Must(t, err)
			if closed := s.Status == engine.SessionClosed; closed != c.closed || closed != (len(steps) == 1) {
				t.Errorf("it is %s, after %q", s.Status, steps)
			}
			if c.closed && told(t, h, s)[engine.EventSessionClosed] != 1 {
				t.Error("nobody was told")
			}
		})
	}
}

// Sessions that must stay, before all others in the order of idleness, keep
// retention from none of those.
func TestSessionsThatStayHoldUpNoOthers(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{CloseIdle: day})
	for range 3 {
		h.MustWrite(t, h.Session(t), "m", "waits")
		clock.move(time.Second)
	}
	idle := map[string]bool{}
	for range 5 {
		idle["CLOSE "+h.Session(t).ID] = true
	}
	talking := h.Session(t)
	clock.move(2 * day)
	h.MustWrite(t, talking, "m", "hello") // the index does not know of it
	for range 10 {
		steps, report := retain(t, h, 2)
		if len(steps) > 2 {
			t.Errorf("%d steps", len(steps))
		}
		for _, s := range steps {
			if !idle[s] {
				t.Errorf("%s", s)
			}
			delete(idle, s)
		}
		if len(idle) == 0 && !report.More {
			return
		}
	}
	t.Errorf("left: %v", idle)
}
