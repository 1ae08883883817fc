package soak_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// engines are one engine after the other on a data directory. Its methods may
// be called concurrently.
type engines struct {
	t    *testing.T
	bin  string
	data string
	log  io.Writer
	args []string

	mu      sync.Mutex // guards all below
	changed *sync.Cond
	engine  *engineproc.Process // nil while none runs
	ends    int
}

func newEngines(t *testing.T, bin, data string, log io.Writer, args ...string) *engines {
	t.Helper()
	s := &engines{t: t, bin: bin, data: data, log: log, args: args}
	s.changed = sync.NewCond(&s.mu)
	s.start()
	t.Cleanup(func() {
		if e := s.set(nil); e != nil {
			_ = e.Kill()
		}
	})
	return s
}

func (s *engines) start() {
	s.t.Helper()
	e, err := engineproc.ServeLogged(s.bin, s.data, s.log, s.args...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.set(e)
}

func (s *engines) set(e *engineproc.Process) (was *engineproc.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, s.engine = s.engine, e
	s.changed.Broadcast()
	return was
}

// running waits for an engine.
func (s *engines) running() *engineproc.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.engine == nil {
		s.changed.Wait()
	}
	return s.engine
}

// replace ends the engine after a time, and starts another one. Most ends are
// kills; one in six is in order, to show that the two mix.
func (s *engines) replace(after time.Duration) {
	s.t.Helper()
	time.Sleep(after)
	end := (*engineproc.Process).Kill
	if rand.IntN(6) == 0 {
		end = (*engineproc.Process).Stop
	}
	if err := end(s.set(nil)); err != nil { // none first: what fails from now on may
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.ends++
	s.mu.Unlock()
	s.start()
}

// stop ends the engine in order.
func (s *engines) stop() {
	s.t.Helper()
	if err := s.set(nil).Stop(); err != nil {
		s.t.Fatal(err)
	}
}

// patience is how long an engine may say that it cannot do something now.
const patience = 5 * time.Minute

// call runs an operation until an engine has answered it. An error is only
// right where the engine died meanwhile, or said that it cannot do it now.
func (s *engines) call(operation func(*engineproc.Process) error) error {
	for deadline := time.Now().Add(patience); ; {
		e := s.running()
		err := operation(e)
		if err == nil {
			return nil
		}
		s.mu.Lock()
		died := s.engine != e
		s.mu.Unlock()
		refused, ok := errors.AsType[*engineproc.Refusal](err)
		if !died && (!ok || !slices.Equal(refused.Codes, []string{"UNAVAILABLE"}) || time.Now().After(deadline)) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// query is call for a GraphQL document.
func (s *engines) query(document string, variables map[string]any, out any) error {
	// Not the test's context: calls outlive the moment at which their engine dies.
	return s.call(func(e *engineproc.Process) error { return e.Query(context.Background(), document, variables, out) })
}

func (s *engines) mustQuery(document string, variables map[string]any, out any) {
	s.t.Helper()
	if err := s.query(document, variables, out); err != nil {
		s.t.Fatal(err)
	}
}
