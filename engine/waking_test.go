package engine_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// starter is where the test decides how containers start and end.
type starter struct {
	max int

	mu      sync.Mutex // guards all below
	err     error      // of each start
	starts  []string   // sessions in the order of their starts
	running map[string]*started
	// left: a container that an engine before this one started may run; adopts
	// counts how often it was asked for.
	left   bool
	adopts int
}

type started struct {
	done chan struct{}
	s    *starter
	id   string
}

func (s *starter) Wakes(agentGroupID string) bool { return agentGroupID != "elsewhere" }
func (s *starter) IdleTime(string) time.Duration  { return 5 * time.Minute }
func (s *starter) MaxRunning() int                { return s.max }

func (s *starter) Adopt(_ context.Context, x engine.Session) (engine.Container, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adopts++
	if s.err != nil || !s.left {
		return nil, s.err
	}
	return s.run(x), nil
}

func (s *starter) Start(_ context.Context, x engine.Session) (engine.Container, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts = append(s.starts, x.ID)
	if s.err != nil {
		return nil, s.err
	}
	return s.run(x), nil
}

// run has a session's container run. The lock is held.
func (s *starter) run(x engine.Session) *started {
	c := &started{done: make(chan struct{}), s: s, id: x.ID}
	if s.running == nil {
		s.running = map[string]*started{}
	}
	s.running[x.ID] = c
	return c
}

func (c *started) Done() <-chan struct{} { return c.done }
func (c *started) Stop()                 { c.s.end(c.id) }

// end ends a session's container.
func (s *starter) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.running[id]; c != nil {
		delete(s.running, id)
		close(c.done)
	}
}

func (s *starter) order() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.starts)
}

func (s *starter) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func openWaking(t *testing.T, c *clock, s *starter) *hosttest.Host {
	t.Helper()
	h := hosttest.OpenWith(t, t.TempDir(), sessions.Options{Now: c.now}, engine.NewEventQueue(), func(cfg *engine.Config) { cfg.Wakers = s })
	for _, id := range []string{hosttest.AgentGroup, "other", "elsewhere"} {
		_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: &id, Name: id})
		hosttest.Must(t, err)
	}
	return h
}

// afterKill opens the engine that comes after one that was killed now.
func afterKill(t *testing.T, h *hosttest.Host, c *clock, s *starter) *hosttest.Host {
	t.Helper()
	data := t.TempDir()
	hosttest.Must(t, os.CopyFS(data, os.DirFS(h.Data)))
	return hosttest.OpenWith(t, data, sessions.Options{Now: c.now}, engine.NewEventQueue(), func(cfg *engine.Config) { cfg.Wakers = s })
}

func sessionOf(t *testing.T, h *hosttest.Host, agentGroup string) engine.Session {
	t.Helper()
	s, _, err := h.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: agentGroup})
	hosttest.Must(t, err)
	return s
}

// finish acknowledges all that a session has, and ends its container.
func finish(t *testing.T, h *hosttest.Host, w *starter, s engine.Session) {
	t.Helper()
	for _, id := range h.Rows(t, s, "inbound.db", `SELECT id FROM messages_in`) {
		acknowledge(t, h, s, id, "completed")
	}
	w.end(s.ID)
}

func TestNoMoreContainersRunThanMayAndAgentGroupsTakeTurns(t *testing.T) {
	t.Parallel()
	w := &starter{max: 1}
	h := openWaking(t, newClock(), w)
	var all []engine.Session
	for _, group := range []string{"ag", "ag", "ag", "ag", "other", "elsewhere"} {
		s := sessionOf(t, h, group)
		all = append(all, s)
		write(t, h, s, engine.WriteMessageInput{Trigger: true})
		if len(all) == 1 {
			hosttest.Wait(t, "the first start", func() bool { return len(w.order()) == 1 })
		}
	}
	// The other group's one session does not wait for all of the first's.
	want := []string{all[0].ID, all[1].ID, all[4].ID, all[2].ID, all[3].ID}
	for i := range want {
		hosttest.Wait(t, "a start", func() bool { return len(w.order()) == i+1 })
		s := all[slices.IndexFunc(all, func(s engine.Session) bool { return s.ID == w.order()[i] })]
		finish(t, h, w, s)
	}
	if got := w.order(); !slices.Equal(got, want) {
		t.Errorf("started %v, want %v", got, want)
	}
	waitTold(t, h, all[5], engine.EventSessionDue, 1)
}

func TestAContainerThatDoesNotStartIsTriedAgainEverLater(t *testing.T) {
	t.Parallel()
	c := newClock()
	w := &starter{max: 1}
	w.fail(errors.New("no such image"))
	h := openWaking(t, c, w)
	s := sessionOf(t, h, "ag")
	write(t, h, s, engine.WriteMessageInput{Trigger: true})
	for i, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		hosttest.Wait(t, "a try, and its end", func() bool { return len(w.order()) == i+1 && h.Settled(s.ID) })
		c.move(pause - time.Millisecond)
		h.Looked(s.ID)
		write(t, h, s, engine.WriteMessageInput{Trigger: true})
		if n := len(w.order()); n != i+1 {
			t.Fatalf("%d tries before their time", n)
		}
		c.move(time.Millisecond)
		h.Looked(s.ID)
	}
	hosttest.Wait(t, "the fourth try", func() bool { return len(w.order()) == 4 && h.Settled(s.ID) })
	w.fail(nil)
	c.move(8 * time.Second)
	hosttest.Wait(t, "a start", func() bool { h.Looked(s.ID); return len(w.order()) == 5 })
}

func TestAContainerIsStoppedWhenItHasBeenIdleAndStartedForTheNextMessage(t *testing.T) {
	t.Parallel()
	c := newClock()
	w := &starter{max: 1}
	h := openWaking(t, c, w)
	s := sessionOf(t, h, "ag")
	id := "m"
	write(t, h, s, engine.WriteMessageInput{MessageID: &id, Trigger: true})
	status := func(want engine.ContainerStatus) func() bool {
		return func() bool {
			h.Looked(s.ID)
			got, err := h.Engine.Session(t.Context(), s.ID)
			return err == nil && got.ContainerStatus == want
		}
	}
	hosttest.Wait(t, "a start", status(engine.ContainerRunning))
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerStopped)
	hosttest.WantCode(t, err, engine.CodeConflict)
	if claim(t, h, s, "somebody") {
		t.Fatal("a container that the engine runs was given away")
	}
	acknowledge(t, h, s, id, "completed")
	for range 4 {
		c.move(50 * time.Second)
		hosttest.Wait(t, "a look", func() bool { return h.Looked(s.ID) })
	}
	if !status(engine.ContainerRunning)() {
		t.Fatal("it was stopped before its time")
	}
	hosttest.Wait(t, "its end", func() bool {
		c.move(time.Second)
		return status(engine.ContainerStopped)()
	})
	write(t, h, s, engine.WriteMessageInput{Trigger: true})
	hosttest.Wait(t, "the next start", func() bool { h.Looked(s.ID); return len(w.order()) == 2 })
}

func TestAStuckContainerIsEnded(t *testing.T) {
	t.Parallel()
	c := newClock()
	w := &starter{max: 1}
	h := openWaking(t, c, w)
	s := sessionOf(t, h, "ag")
	id := "m"
	write(t, h, s, engine.WriteMessageInput{MessageID: &id, Trigger: true})
	hosttest.Wait(t, "a start", func() bool {
		got, err := h.Engine.Session(t.Context(), s.ID)
		return err == nil && got.ContainerStatus == engine.ContainerRunning
	})
	h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('m', 'processing', '`+c.now().Format(time.DateTime)+`')`)
	hosttest.Wait(t, "a second start", func() bool {
		c.move(20 * time.Second)
		h.Looked(s.ID)
		return len(w.order()) >= 2
	})
	if told(t, h, s)[engine.EventContainerStuck] == 0 {
		t.Error("nobody was told")
	}
}

// Lesson 32: what may run has its place, and is asked for until it is known.
func TestAContainerThatAKilledEngineLeftIsTakenOver(t *testing.T) {
	t.Parallel()
	c := newClock()
	first := &starter{max: 1}
	h := openWaking(t, c, first)
	s, other := sessionOf(t, h, "ag"), sessionOf(t, h, "other")
	id := "m"
	write(t, h, s, engine.WriteMessageInput{MessageID: &id, Trigger: true})
	running := func(h *hosttest.Host, s engine.Session) bool {
		got, err := h.Engine.Session(t.Context(), s.ID)
		return err == nil && got.ContainerStatus == engine.ContainerRunning
	}
	hosttest.Wait(t, "a start", func() bool { return running(h, s) })

	w := &starter{max: 1, left: true}
	w.fail(errors.New("docker does not answer"))
	h = afterKill(t, h, c, w)
	hosttest.Wait(t, "a try", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.adopts > 0
	})
	write(t, h, other, engine.WriteMessageInput{Trigger: true})
	if claim(t, h, s, "somebody") {
		t.Fatal("what may run was given away")
	}
	w.fail(nil)
	hosttest.Wait(t, "that it is taken over", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.running[s.ID] != nil
	})
	if got := w.order(); len(got) > 0 {
		t.Fatalf("%v was started beside it, and one may run", got)
	}
	finish(t, h, w, s)
	hosttest.Wait(t, "the other's start", func() bool { return running(h, other) })
	hosttest.Wait(t, "what has ended to be given back", func() bool { return !running(h, s) && claim(t, h, s, "somebody") })
}

func TestAContainerThatEndedWithoutAnEngineIsGivenBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := openWaking(t, c, &starter{max: 1})
	s := sessionOf(t, h, "ag")
	write(t, h, s, engine.WriteMessageInput{Trigger: true})
	hosttest.Wait(t, "a start", func() bool {
		got, err := h.Engine.Session(t.Context(), s.ID)
		return err == nil && got.ContainerStatus == engine.ContainerRunning
	})
	w := &starter{max: 1}
	h = afterKill(t, h, c, w)
	hosttest.Wait(t, "another start", func() bool { return slices.Equal(w.order(), []string{s.ID}) })
}
