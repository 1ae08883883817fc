package engine_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// slowFolders answer what is seen of one session only when they are let: the
// engine then has what was true a while ago.
type slowFolders struct {
	*sessions.Store
	mu        sync.Mutex // guards below
	sessionID string     // "" is none
	read, let chan struct{}
}

func (f *slowFolders) Pulse(ctx context.Context, s engine.Session) (engine.Pulse, error) {
	p, err := f.Store.Pulse(ctx, s)
	f.mu.Lock()
	mine, read, let := f.sessionID == s.ID, f.read, f.let
	if mine {
		f.sessionID = ""
	}
	f.mu.Unlock()
	if mine {
		close(read)
		<-let
	}
	return p, err
}

// hold has the next answer about a session held back. read is closed when it is
// known, and let has it given.
func (f *slowFolders) hold(s engine.Session) (read, let chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessionID, f.read, f.let = s.ID, make(chan struct{}), make(chan struct{})
	return f.read, f.let
}

// namedFolders keep who prepares occurrences.
type namedFolders struct {
	*sessions.Store
	prepare func(context.Context, engine.Session, *engine.Occurrence) error
}

func (f *namedFolders) OnOccurrence(prepare func(context.Context, engine.Session, *engine.Occurrence) error) {
	f.prepare = prepare
	f.Store.OnOccurrence(prepare)
}

// A look before it is written would find nothing, and one after that would tell
// of it again.
func TestAnOccurrenceIsToldOfOnceItIsWritten(t *testing.T) {
	t.Parallel()
	c, f := newClock(), &namedFolders{}
	h := hosttest.OpenWith(t, t.TempDir(), sessions.Options{Now: c.now}, engine.NewEventQueue(), func(c *engine.Config) {
		f.Store = c.Mailboxes.(*sessions.Store)
		c.Mailboxes = f
	})
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	s := h.Session(t)
	o := &engine.Occurrence{Message: engine.Message{Kind: "chat", Content: "hello", Trigger: true, ProcessAfter: hosttest.Ptr(c.now().Add(-time.Minute))}}
	hosttest.Must(t, f.prepare(t.Context(), s, o))
	waitTold(t, h, s, engine.EventSessionDue, 0)
	o.Written(2)
	waitTold(t, h, s, engine.EventSessionDue, 1)
}

// A look at a session takes time, in which the session may change hands.
func TestALookDrawsNoConclusionsFromWhatIsPast(t *testing.T) {
	t.Parallel()
	type step func(t *testing.T, h *hosttest.Host, c *clock, s engine.Session)
	due := func(id string) step {
		return func(t *testing.T, h *hosttest.Host, _ *clock, s engine.Session) {
			write(t, h, s, engine.WriteMessageInput{MessageID: &id, Trigger: true})
		}
	}
	acked := func(id, status string) step {
		return func(t *testing.T, h *hosttest.Host, _ *clock, s engine.Session) { acknowledge(t, h, s, id, status) }
	}
	marked := func(status engine.ContainerStatus) step {
		return func(t *testing.T, h *hosttest.Host, _ *clock, s engine.Session) { mark(t, h, s, status) }
	}
	running, stopped := marked(engine.ContainerRunning), marked(engine.ContainerStopped)
	later := func(t *testing.T, h *hosttest.Host, c *clock, s engine.Session) {
		c.move(40 * time.Second)
		hosttest.Wait(t, "look at the clock", h.ClockSeen)
	}
	for _, test := range []struct {
		name                     string
		before, begin, meanwhile []step // begin has it looked at
		dues, stuck              int
	}{
		{name: "due, and marked as running", before: []step{due("m")}, begin: []step{later}, meanwhile: []step{running}, dues: 1},
		{name: "due, and claimed", before: []step{due("m")}, begin: []step{later}, dues: 1,
			meanwhile: []step{func(t *testing.T, h *hosttest.Host, _ *clock, s engine.Session) {
				claimed, _, err := h.ClaimContainer(t.Context(), engine.ClaimContainerInput{SessionID: s.ID, Owner: "me", Lease: time.Hour})
				if err != nil || !claimed {
					t.Errorf("claimed: %t, %v", claimed, err)
				}
			}}},
		{name: "stuck, and stopped", before: []step{running, due("m"), acked("m", "processing"), later}, begin: []step{later},
			meanwhile: []step{acked("m", "completed"), stopped}},
		{name: "idle, and written to", before: []step{running, stopped, later}, begin: []step{later}, meanwhile: []step{due("m")}, dues: 1},
		{name: "done, and written to", before: []step{due("m")}, begin: []step{acked("m", "completed")}, meanwhile: []step{due("n")}, dues: 2},
		{name: "due, and closed", begin: []step{later},
			before: []step{func(t *testing.T, h *hosttest.Host, c *clock, s engine.Session) {
				write(t, h, s, engine.WriteMessageInput{Trigger: true, ProcessAfter: hosttest.Ptr(c.now().Add(time.Second))})
			}},
			meanwhile: []step{func(t *testing.T, h *hosttest.Host, _ *clock, s engine.Session) {
				_, err := h.CloseSession(t.Context(), s.ID)
				hosttest.Must(t, err)
			}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, f := newClock(), &slowFolders{}
			h := hosttest.OpenWith(t, t.TempDir(), sessions.Options{Now: c.now}, engine.NewEventQueue(), func(c *engine.Config) {
				f.Store = c.Mailboxes.(*sessions.Store)
				c.Mailboxes = f
			})
			_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
			hosttest.Must(t, err)
			s := h.Session(t)
			do := func(steps []step) {
				for _, step := range steps {
					step(t, h, c, s)
				}
			}
			do(test.before)
			read, let := f.hold(s)
			do(test.begin)
			<-read
			do(test.meanwhile)
			close(let)
			for range 2 { // also by the look after that
				hosttest.Wait(t, "look", func() bool { return h.Looked(s.ID) || h.Held() == 0 })
				waitTold(t, h, s, engine.EventSessionDue, test.dues)
				waitTold(t, h, s, engine.EventContainerStuck, test.stuck)
				later(t, h, c, s)
			}
		})
	}
}
