package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// passUntil moves the clock, ten seconds at a time, until done, and returns
// how long that took. Each look at a session is waited for.
func passUntil(t *testing.T, c *clock, h *hosttest.Host, s engine.Session, most time.Duration, done func() bool) (took time.Duration) {
	t.Helper()
	for ; !done(); took += 10 * time.Second {
		if took > most {
			t.Fatalf("in vain let %s pass", took)
		}
		c.move(10 * time.Second)
		hosttest.Wait(t, "a look", func() bool { return h.Looked(s.ID) })
	}
	return took
}

func TestAClaimIsNoLongerForAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	write(t, h, s, engine.WriteMessageInput{Trigger: true})
	if !claim(t, h, s, "a") {
		t.Fatal("not claimed")
	}
	hosttest.Wait(t, "the engine to know the time", func() bool { return h.ClockSeen() })
	c.move(-time.Hour)
	hosttest.Wait(t, "the engine to know the time", func() bool { return h.ClockSeen() })
	const expires = `SELECT expires_at FROM container_claims`
	hosttest.Wait(t, "the claim to end sooner on disk", func() bool {
		return slices.Equal(registered(t, h, expires), []string{fmt.Sprint(c.now().Add(time.Minute).UnixMilli())})
	})
	if took := passUntil(t, c, h, s, 2*time.Minute, func() bool { return claim(t, h, s, "b") }); took < time.Minute {
		t.Errorf("taken over after %s", took)
	}
	waitTold(t, h, s, engine.EventSessionDue, 2) // also when the lease was over
}

func TestAStuckContainerIsFoundAsSoonThoughTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	mark(t, h, s, engine.ContainerRunning)
	hosttest.Wait(t, "a look", func() bool { return h.Looked(s.ID) && h.ClockSeen() })
	c.move(-time.Hour)
	hosttest.Wait(t, "the engine to know the time", func() bool { return h.ClockSeen() })
	h.Exec(t, s, "outbound.db", fmt.Sprintf(`INSERT INTO processing_ack VALUES ('m', 'processing', '%s')`, c.now().Format(time.DateTime)))
	if took := passUntil(t, c, h, s, 5*time.Minute, func() bool { return h.SaidStuck(s.ID) }); took < time.Minute {
		t.Errorf("stuck after %s", took)
	}
	waitTold(t, h, s, engine.EventContainerStuck, 1)
}

// Cursors know no time.
func TestEventsGoOnThoughTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	from := "0"
	r, err := h.Events(t.Context(), engine.EventsInput{After: &from})
	hosttest.Must(t, err)
	var want, got []string
	for range 5 {
		want = append(want, h.Session(t).ID)
		c.move(-time.Hour)
	}
	hosttest.Must(t, h.Close())
	h = hosttest.OpenAt(t, h.Data, sessions.Options{Now: c.now})
	for cursor := r.Cursor(); len(got) < 5; {
		r, err = h.Events(t.Context(), engine.EventsInput{After: &cursor})
		hosttest.Must(t, err)
		events, err := r.Read(t.Context())
		hosttest.Must(t, err)
		for _, ev := range events {
			got = append(got, ev.SessionID)
		}
		cursor = r.Cursor()
	}
	if !slices.Equal(got, want) {
		t.Errorf("events are of %q, want %q", got, want)
	}
}

// The machine slept, its orchestrator and its containers with it.
func TestAClaimThatExpiredInTheMachinesSleepCanBeRenewed(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	awake, gone := h.Session(t), h.Session(t)
	for _, s := range []engine.Session{awake, gone} {
		write(t, h, s, engine.WriteMessageInput{Trigger: true})
		if !claim(t, h, s, "a") {
			t.Fatal("not claimed")
		}
		mark(t, h, s, engine.ContainerRunning)
		beat(t, h, s, c.now())
	}
	c.move(24 * time.Hour)
	for _, s := range []engine.Session{awake, gone} {
		if claim(t, h, s, "b") {
			t.Fatal("a second container would be started")
		}
	}
	if !claim(t, h, awake, "a") {
		t.Fatal("its owner could not renew it")
	}
	if at, err := h.Heartbeat(t.Context(), awake); err != nil || at == nil {
		t.Errorf("the folder was made ready for another container: %v", err)
	}
	passUntil(t, c, h, gone, 2*time.Minute, func() bool { return claim(t, h, gone, "b") })
	waitTold(t, h, awake, engine.EventSessionDue, 1)
}

func TestADayAsleepWakesNoMoreContainersThanMayRun(t *testing.T) {
	t.Parallel()
	c := newClock()
	w := &starter{max: 2}
	h := openWaking(t, c, w)
	var all []engine.Session
	for i := range 10 {
		s := sessionOf(t, h, "ag")
		all = append(all, s)
		write(t, h, s, engine.WriteMessageInput{Trigger: true, ProcessAfter: hosttest.Ptr(c.now().Add(time.Duration(i+1) * time.Hour))})
	}
	c.move(24 * time.Hour)
	done := map[string]bool{}
	for len(done) < len(all) {
		hosttest.Wait(t, "a start", func() bool { return len(w.order()) > len(done) })
		order := w.order()
		if n := len(order) - len(done); n > w.max {
			t.Fatalf("%d run at one time", n)
		}
		s := all[slices.IndexFunc(all, func(s engine.Session) bool { return s.ID == order[len(done)] })]
		done[s.ID] = true
		finish(t, h, w, s)
		hosttest.Wait(t, "its end", func() bool { return h.Settled(s.ID) })
	}
	if n := len(w.order()); n != len(all) {
		t.Errorf("%d starts of %d sessions", n, len(all))
	}
}
