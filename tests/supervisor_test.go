package tests_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// supervisor keeps an engine on a data directory that is killed again and
// again. Its methods may be called concurrently.
type supervisor struct {
	t    *testing.T
	data string
	// powerCuts: an answer counts only if it came before the engine's end
	// began, since a sync that is under way when a file system stops may not
	// be told.
	powerCuts bool

	mu      sync.Mutex // guards all below
	changed *sync.Cond
	engine  *engineproc.Process // nil while none runs
	answers int                 // that callers got
	failed  bool
	done    bool // callers begin nothing new
	ended   bool // no further engine will be started
}

func supervise(t *testing.T, data string) *supervisor {
	t.Helper()
	s := &supervisor{t: t, data: data}
	s.changed = sync.NewCond(&s.mu)
	s.start()
	t.Cleanup(func() {
		if e := s.current(); e != nil {
			_ = e.Kill()
		}
	})
	return s
}

func (s *supervisor) start() {
	s.t.Helper()
	e, err := engineproc.Serve(engineproc.Binary(s.t), s.data)
	if err != nil {
		s.t.Fatal(err)
	}
	s.set(func() { s.engine = e })
}

func (s *supervisor) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.changed.Broadcast()
}

func (s *supervisor) current() *engineproc.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine
}

// running waits for an engine; nil is the end of the test.
func (s *supervisor) running() *engineproc.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.engine == nil && !s.failed && !s.ended {
		s.changed.Wait()
	}
	if s.failed {
		return nil
	}
	return s.engine
}

// call runs an operation until an engine has answered it. An error is only
// right where the engine died meanwhile. It returns false when the test failed.
func (s *supervisor) call(what string, operation func(*engineproc.Process) error) bool {
	for {
		e := s.running()
		if e == nil {
			return false
		}
		err := operation(e)
		alive := s.current() == e
		if err == nil && (alive || !s.powerCuts) {
			s.set(func() { s.answers++ })
			return true
		}
		if alive {
			s.t.Errorf("%s: %v", what, err)
			s.set(func() { s.failed = true })
			return false
		}
	}
}

// kill ends the engine with SIGKILL after so many more answers, at a moment
// that nobody chooses, and starts another one.
func (s *supervisor) kill(after int) {
	s.t.Helper()
	s.crash(after, (*engineproc.Process).Kill)
	s.start()
}

// crash ends the engine after so many more answers, at a moment that nobody
// chooses.
func (s *supervisor) crash(after int, end func(*engineproc.Process) error) {
	s.t.Helper()
	e := s.after(after)
	if e == nil {
		s.t.FailNow()
	}
	time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
	s.set(func() { s.engine = nil }) // first: what fails from now on may
	if err := end(e); err != nil {
		s.set(func() { s.failed = true })
		s.t.Fatal(err)
	}
}

// after waits for so many more answers; nil is the end of the test.
func (s *supervisor) after(answers int) *engineproc.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	for until := s.answers + answers; s.answers < until && !s.failed; {
		s.changed.Wait()
	}
	if s.failed {
		return nil
	}
	return s.engine
}

// finished tells callers to begin nothing new.
func (s *supervisor) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done || s.failed
}

// stop ends the engine in order.
func (s *supervisor) stop() {
	s.t.Helper()
	e := s.current()
	s.set(func() { s.engine = nil })
	if err := e.Stop(); err != nil {
		s.t.Fatal(err)
	}
}

// kills is how often a crash test kills the engine: TWINBOX_KILLS, else n.
func kills(t *testing.T, n int) int {
	t.Helper()
	if v := os.Getenv("TWINBOX_KILLS"); v != "" {
		more, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		return more
	}
	return n
}

// background is for calls that outlive the moment at which their engine dies.
func background() context.Context { return context.Background() }
