package tests_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/engine/registry"
	"github.com/twinbox/twinbox/engine/sessions"
	"github.com/twinbox/twinbox/tests/internal/guest"
)

// rooms are what an engine is made of, for those who make one themselves.
type rooms struct {
	config engine.Config
	hooks  *hooks.Host
}

func openRooms(t *testing.T) rooms {
	t.Helper()
	data, limits, events := t.TempDir(), engine.DefaultLimits(), engine.NewEventQueue()
	r, err := registry.Open(t.Context(), filepath.Join(data, "engine.db"), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := sessions.Open(data, sessions.Options{Limits: limits, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	h, err := hooks.Open(filepath.Join(data, "hooks"), hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(s.Close(), h.Close())
		events.Close()
		if err := errors.Join(err, r.Close()); err != nil {
			t.Error(err)
		}
	})
	return rooms{engine.Config{Registry: r, Mailboxes: s, Hooks: h, Events: events, Limits: limits}, h}
}

// open makes an engine that is closed when the test ends, if not before.
func (r rooms) open(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.New(t.Context(), r.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func mustInstall(t *testing.T, e *engine.Engine, name string, module guest.Module, c engine.HookChanges) {
	t.Helper()
	if _, err := e.InstallHook(t.Context(), engine.InstallHookInput{Name: name, Module: module.Bytes(), HookChanges: c}); err != nil {
		t.Fatal(err)
	}
}

func newSharedSession(t *testing.T, e *engine.Engine) engine.Session {
	t.Helper()
	g, err := e.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{Name: "Agents"})
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := e.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: g.ID, Mode: engine.ModeShared})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// slowHost compiles when it is told to.
type slowHost struct {
	engine.HookHost
	adding, goOn chan struct{}
}

func (h slowHost) Add(ctx context.Context, module []byte) (engine.HookVersion, error) {
	h.adding <- struct{}{}
	<-h.goOn
	return h.HookHost.Add(ctx, module)
}

func TestAHookIsDisabledWhileAnotherIsCompiled(t *testing.T) {
	r := openRooms(t)
	slow := slowHost{r.hooks, make(chan struct{}, 2), make(chan struct{})}
	first := r.open(t)
	mustInstall(t, first, "bad", guest.Reactor(), engine.HookChanges{})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	r.config.Hooks = slow
	e := r.open(t)
	installed := make(chan error, 1)
	go func() {
		_, err := e.InstallHook(t.Context(), engine.InstallHookInput{Name: "good", Module: guest.Answering(`{"action":"drop"}`).Bytes()})
		installed <- err
	}()
	<-slow.adding
	h, err := e.UpdateHook(t.Context(), "bad", engine.HookChanges{Enabled: new(false)})
	if err != nil || h.Enabled {
		t.Errorf("disable it: %+v, %v", h, err)
	}
	close(slow.goOn)
	if err := <-installed; err != nil {
		t.Error(err)
	}
	if h, err := e.Hook(t.Context(), "good"); err != nil || h.Problem != nil {
		t.Errorf("the other is %+v, %v", h, err)
	}
}

func TestAChangeOfHooksWaitsNoLongerThanItsCaller(t *testing.T) {
	r := openRooms(t)
	slow := slowProbe{r.hooks, make(chan struct{}), make(chan struct{})}
	r.config.Hooks = slow
	e := r.open(t)
	installed := make(chan error, 1)
	go func() {
		_, err := e.InstallHook(t.Context(), engine.InstallHookInput{Name: "good", Module: guest.Reactor().Bytes()})
		installed <- err
	}()
	<-slow.probing
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.RemoveHook(ctx, "good"); engine.CodeOf(err) != engine.CodeUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("removing one meanwhile: %v", err)
	}
	close(slow.goOn)
	if err := <-installed; err != nil {
		t.Error(err)
	}
}

// slowProbe tries what is installed when it is told to.
type slowProbe struct {
	engine.HookHost
	probing, goOn chan struct{}
}

func (h slowProbe) Probe(ctx context.Context, r engine.HookRecord) error {
	h.probing <- struct{}{}
	<-h.goOn
	return h.HookHost.Probe(ctx, r)
}

// Who makes an engine without hooks where some are enabled would let messages
// by what redacts them.
func TestAnEngineWithoutAHostRefusesHooksThatAreEnabled(t *testing.T) {
	r := openRooms(t)
	e := r.open(t)
	mustInstall(t, e, "redact", guest.Reactor(), engine.HookChanges{})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	without := r
	without.config.Hooks = nil
	if _, err := engine.New(t.Context(), without.config); engine.CodeOf(err) != engine.CodeInvalidInput || !strings.Contains(err.Error(), `the hook "redact" is enabled`) || !strings.Contains(err.Error(), "disable the hook") {
		t.Errorf("the error is %v", err)
	}
	e = r.open(t)
	if _, err := e.UpdateHook(t.Context(), "redact", engine.HookChanges{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	without.open(t)
}

// What comes after the time for a message's hooks is over is no hook's to let
// by.
func TestAllHooksOfAMessageTogetherHaveATime(t *testing.T) {
	r := openRooms(t)
	r.config.Limits.HookTime = time.Nanosecond
	e := r.open(t)
	mustInstall(t, e, "mark", guest.Answering(`{"action":"replace","content":{"text":"seen"}}`), engine.HookChanges{})
	s := newSharedSession(t, e)
	write := func() (*engine.Message, error) {
		m, _, err := e.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: new("m1"), Content: map[string]any{"text": "hello"}})
		return m, err
	}
	if _, err := write(); engine.CodeOf(err) != engine.CodeHookFailed || !strings.Contains(err.Error(), `hook "mark" failed at on_message: it was not called: the time`) {
		t.Errorf("the error is %v", err)
	}
	skip := engine.HookSkip
	if _, err := e.UpdateHook(t.Context(), "mark", engine.HookChanges{OnFailure: &skip}); err != nil {
		t.Fatal(err)
	}
	if m, err := write(); err != nil || m.Content != `{"text":"hello"}` {
		t.Errorf("where it may be skipped: %+v, %v", m, err)
	}
}

// stoppingHost holds up the first call that it is asked for.
type stoppingHost struct {
	engine.HookHost
	calls         *atomic.Int64
	stopped, goOn chan struct{}
}

func (h stoppingHost) Run(ctx context.Context, c engine.HookCall) (engine.HookAction, error) {
	if h.calls.Add(1) == 1 {
		close(h.stopped)
		<-h.goOn
	}
	return h.HookHost.Run(ctx, c)
}

// Who loses patience sends a message again while its hooks still run.
func TestAMessageThatIsSentAgainWhileHooksRunIsNotTakenThroughThemTwice(t *testing.T) {
	r := openRooms(t)
	host := stoppingHost{r.hooks, &atomic.Int64{}, make(chan struct{}), make(chan struct{})}
	r.config.Hooks = host
	e := r.open(t)
	mustInstall(t, e, "mark", guest.Answering(`{"action":"replace","content":{"text":"seen"}}`), engine.HookChanges{})
	s := newSharedSession(t, e)
	write := func(ctx context.Context, ids ...string) (outcomes []engine.WriteOutcome, err error) {
		var in []engine.WriteMessageInput
		for _, id := range ids {
			in = append(in, engine.WriteMessageInput{SessionID: s.ID, MessageID: &id, Content: map[string]any{"text": "hello"}})
		}
		results, err := e.WriteMessages(ctx, in)
		for _, r := range results {
			outcomes, err = append(outcomes, r.Outcome), errors.Join(err, r.Err)
		}
		return outcomes, err
	}
	var senders sync.WaitGroup
	outcomes := make(chan engine.WriteOutcome, 100)
	send := func(ids ...string) {
		senders.Go(func() {
			got, err := write(t.Context(), ids...)
			if err != nil {
				t.Error(err)
			}
			for _, o := range got {
				outcomes <- o
			}
		})
	}
	send("m1")
	<-host.stopped
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := write(impatient, "m1"); engine.CodeOf(err) != engine.CodeUnavailable || host.calls.Load() != 1 {
		t.Errorf("sent again: %v, and hooks were called %d times", err, host.calls.Load())
	}
	if got, err := write(t.Context(), "another"); err != nil || got[0] != engine.OutcomeWritten {
		t.Errorf("another message meanwhile: %v, %v", got, err)
	}
	// Each of these has what the next one needs.
	for range 10 {
		send("m1", "m2", "m3")
		send("m3", "m1", "m2", "m3")
		send("m2")
	}
	close(host.goOn)
	senders.Wait()
	close(outcomes)
	count := map[engine.WriteOutcome]int{}
	for o := range outcomes {
		count[o]++
	}
	if count[engine.OutcomeWritten] != 3 || count[engine.OutcomeReplayed] != 78 || host.calls.Load() != 4 {
		t.Errorf("%v, and hooks were called %d times, not 4", count, host.calls.Load())
	}
}
