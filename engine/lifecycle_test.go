package engine_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu sync.Mutex // guards at
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now().UTC().Truncate(time.Second)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

// told returns how often each type of event came for a session so far.
func told(t *testing.T, h *hosttest.Host, s engine.Session) map[engine.EventType]int {
	t.Helper()
	last := h.Session(t) // whose event comes behind all others
	from := "0"
	r, err := h.Events(t.Context(), engine.EventsInput{After: &from})
	hosttest.Must(t, err)
	counts := map[engine.EventType]int{}
	for {
		events, err := r.Read(t.Context())
		hosttest.Must(t, err)
		for _, ev := range events {
			if ev.SessionID == s.ID {
				counts[ev.Type]++
			}
			if ev.SessionID == last.ID && ev.Type == engine.EventSessionCreated {
				return counts
			}
		}
	}
}

func waitTold(t *testing.T, h *hosttest.Host, s engine.Session, what engine.EventType, times int) {
	t.Helper()
	hosttest.Wait(t, string(what), func() bool { return told(t, h, s)[what] >= times })
	if n := told(t, h, s)[what]; n != times {
		t.Fatalf("%s came %d times, want %d", what, n, times)
	}
}

// noted returns the ids of sessions that the registry has noted.
func noted(t *testing.T, h *hosttest.Host) []string {
	t.Helper()
	return registered(t, h, `SELECT session_id FROM work ORDER BY 1`)
}

// registered returns the first column of a query to the registry.
func registered(t *testing.T, h *hosttest.Host, query string) (values []string) {
	t.Helper()
	c, err := sqlite3.Open("file:" + filepath.Join(h.Data, "engine.db") + "?_pragma=busy_timeout(5000)")
	hosttest.Must(t, err)
	defer c.Close()
	st, _, err := c.Prepare(query)
	hosttest.Must(t, err)
	defer st.Close()
	for st.Step() {
		values = append(values, st.ColumnText(0))
	}
	hosttest.Must(t, st.Err())
	return values
}

func write(t *testing.T, h *hosttest.Host, s engine.Session, in engine.WriteMessageInput) {
	t.Helper()
	in.SessionID, in.Content = s.ID, "hello"
	_, _, err := h.WriteMessage(t.Context(), in)
	hosttest.Must(t, err)
}

func mark(t *testing.T, h *hosttest.Host, s engine.Session, status engine.ContainerStatus) {
	t.Helper()
	_, err := h.MarkContainer(t.Context(), s.ID, status)
	hosttest.Must(t, err)
}

// acknowledge is what a container says of a message.
func acknowledge(t *testing.T, h *hosttest.Host, s engine.Session, id, status string) {
	t.Helper()
	h.Exec(t, s, "outbound.db", fmt.Sprintf(`INSERT OR REPLACE INTO processing_ack VALUES ('%s', '%s', datetime('now'))`, id, status))
}

func TestAMessageThatIsDueIsToldOnceUntilSomebodyTookIt(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	for range 5 {
		write(t, h, s, engine.WriteMessageInput{Trigger: true})
	}
	waitTold(t, h, s, engine.EventSessionDue, 1)
	mark(t, h, s, engine.ContainerRunning)
	write(t, h, s, engine.WriteMessageInput{Trigger: true})
	waitTold(t, h, s, engine.EventSessionDue, 1)
	// It dies without having done anything.
	mark(t, h, s, engine.ContainerStopped)
	waitTold(t, h, s, engine.EventSessionDue, 2)
}

// Lesson 35.
func TestContextRowsNeverWake(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	write(t, h, s, engine.WriteMessageInput{})
	mark(t, h, s, engine.ContainerRunning)
	mark(t, h, s, engine.ContainerStopped)
	c.move(10 * time.Minute)
	write(t, h, s, engine.WriteMessageInput{})
	other := h.Session(t)
	write(t, h, other, engine.WriteMessageInput{Trigger: true})
	waitTold(t, h, other, engine.EventSessionDue, 1)
	waitTold(t, h, s, engine.EventSessionDue, 0)
}

func TestAMessageForLaterWakesWhenItsTimeHasCome(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	write(t, h, s, engine.WriteMessageInput{Trigger: true, ProcessAfter: hosttest.Ptr(c.now().Add(2 * time.Hour))})
	write(t, h, s, engine.WriteMessageInput{Trigger: true, ProcessAfter: hosttest.Ptr(c.now().Add(time.Hour))})
	c.move(time.Hour - time.Second)
	waitTold(t, h, s, engine.EventSessionDue, 0)
	c.move(time.Second)
	waitTold(t, h, s, engine.EventSessionDue, 1)
}

func TestWhatFallsDueIsFoundAfterARestart(t *testing.T) {
	t.Parallel()
	c := newClock()
	o := sessions.Options{Now: c.now}
	h := hosttest.Open(t, o)
	later, due, idle := h.Session(t), h.Session(t), h.Session(t)
	write(t, h, later, engine.WriteMessageInput{Trigger: true, ProcessAfter: hosttest.Ptr(c.now().Add(time.Hour))})
	write(t, h, due, engine.WriteMessageInput{Trigger: true})
	waitTold(t, h, due, engine.EventSessionDue, 1)
	hosttest.Must(t, h.Close())
	h = hosttest.OpenAt(t, h.Data, o)
	waitTold(t, h, due, engine.EventSessionDue, 2)
	waitTold(t, h, later, engine.EventSessionDue, 0)
	c.move(time.Hour)
	waitTold(t, h, later, engine.EventSessionDue, 1)
	if slices.Contains(noted(t, h), idle.ID) {
		t.Error("a session that never had anything to do is noted")
	}
}

func TestASessionWithNothingLeftToDoIsForgotten(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	id := "m"
	write(t, h, s, engine.WriteMessageInput{MessageID: &id, Trigger: true})
	if !slices.Contains(noted(t, h), s.ID) {
		t.Fatal("a message was acknowledged before it was noted that there is one")
	}
	mark(t, h, s, engine.ContainerRunning)
	acknowledge(t, h, s, id, "completed")
	mark(t, h, s, engine.ContainerStopped)
	c.move(2 * time.Minute)
	hosttest.Wait(t, "the session's end of work", func() bool { return !slices.Contains(noted(t, h), s.ID) })
	// And it begins anew.
	write(t, h, s, engine.WriteMessageInput{Trigger: true})
	waitTold(t, h, s, engine.EventSessionDue, 2)
	if !slices.Contains(noted(t, h), s.ID) {
		t.Error("what came later is not noted")
	}
}

// An orchestrator that marks nothing.
func TestADueSessionIsToldAgainAfterItsContainerTookTheMessages(t *testing.T) {
	t.Parallel()
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	for i, id := range []string{"a", "b"} {
		write(t, h, s, engine.WriteMessageInput{MessageID: &id, Trigger: true})
		waitTold(t, h, s, engine.EventSessionDue, i+1)
		acknowledge(t, h, s, id, "processing")
		acknowledge(t, h, s, id, "completed")
		hosttest.Wait(t, "the acknowledgement", func() bool {
			m, err := h.Message(t.Context(), s.ID, id)
			return err == nil && m.Status == engine.MessageCompleted && len(h.Rows(t, s, "inbound.db", `SELECT id FROM messages_in WHERE status = 'pending'`)) == 0
		})
		// The look that follows the acknowledgement finds nothing due.
		hosttest.Wait(t, "the look", func() bool { return !h.Waits(s.ID) })
	}
}
