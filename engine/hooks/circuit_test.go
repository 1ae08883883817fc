package hooks_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
)

func TestACircuitOpensAndClosesByItself(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("bad", answering(`{"action":"replace","content":"x"}`).bytes())
	call := func(s *subject) error {
		s.content = `""`
		_, err := b.Run(t.Context(), onMessage("a", s))
		return err
	}
	fail := func(text string) {
		t.Helper()
		mustFail(t, call(&subject{refuse: true}), engine.CodeHookFailed, text)
	}
	state := func(want engine.CircuitState) {
		t.Helper()
		if s := b.State("bad").Circuit; s != want {
			t.Errorf("the circuit is %s; want %s", s, want)
		}
	}
	for range 4 {
		fail("bad\" failed at on_message: its answer was refused")
	}
	if err := call(&subject{}); err != nil { // four failures that are not followed by a fifth
		t.Fatal(err)
	}
	for range 5 {
		state(engine.CircuitClosed)
		fail("bad\" failed at on_message: its answer was refused")
	}
	pause := 10 * time.Second
	for range 8 {
		state(engine.CircuitOpen)
		fail("its circuit is open, so it is not called, since it failed 5 times in a row, at last: its answer was refused: nobody wants it")
		b.clock.pass(pause - time.Second)
		state(engine.CircuitOpen)
		b.clock.pass(time.Second)
		state(engine.CircuitHalfOpen)
		fail("bad\" failed at on_message: its answer was refused")
		pause = min(2*pause, 5*time.Minute)
	}
	b.clock.pass(pause)
	// Of those that come now one is the trial.
	entered, hold := make(chan struct{}), make(chan struct{})
	var trial sync.WaitGroup
	trial.Go(func() {
		if err := call(&subject{entered: entered, hold: hold}); err != nil {
			t.Error(err)
		}
	})
	<-entered
	state(engine.CircuitHalfOpen)
	fail("its circuit is open")
	close(hold)
	trial.Wait()
	state(engine.CircuitClosed)
	if err := call(&subject{}); err != nil {
		t.Error(err)
	}
}

func TestATrialThatSaysNothingIsRepeated(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("bad", answering(`{"action":"replace","content":"x"}`).bytes())
	for range 5 {
		_, err := b.Run(t.Context(), onMessage("a", &subject{content: `""`, refuse: true}))
		mustFail(t, err, engine.CodeHookFailed)
	}
	b.clock.pass(time.Minute)
	_, err := b.Run(t.Context(), onMessage("a", &subject{content: `""`, failure: engine.Unavailable(nil, "no disk")}))
	mustFail(t, err, engine.CodeUnavailable)
	if _, _, err := b.message("a"); err != nil {
		t.Error(err)
	}
	if s := b.State("bad").Circuit; s != engine.CircuitClosed {
		t.Error(s)
	}
}

func TestACircuitIsOfOneAgentGroup(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("bad", answering(`{"action":"replace","content":"x"}`).bytes())
	for range 6 {
		_, err := b.Run(t.Context(), onMessage("a", &subject{content: `""`, refuse: true}))
		mustFail(t, err, engine.CodeHookFailed, "")
	}
	if s := b.State("bad").Circuit; s != engine.CircuitOpen {
		t.Errorf("the circuit is %s", s)
	}
	if _, err := b.Run(t.Context(), onMessage("b", &subject{content: `""`})); err != nil {
		t.Errorf("another agent group: %v", err)
	}
}

func TestInputsThatAreTooLargeOpenNoCircuit(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("small", answering(`{"action":"replace","content":"x"}`).bytes(), func(r *engine.HookRecord) { r.Limits.InputBytes = 1000 })
	for range 10 {
		_, err := b.Run(t.Context(), onMessage("a", &subject{content: strings.Repeat(" ", 2000)}))
		mustFail(t, err, engine.CodeHookFailed, "more than the 1,000")
	}
	if _, err := b.Run(t.Context(), onMessage("a", &subject{content: `""`})); err != nil {
		t.Error(err)
	}
}
