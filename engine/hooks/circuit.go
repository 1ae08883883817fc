package hooks

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinbox/twinbox/engine"
)

const (
	// circuitFailures in a row open a circuit.
	circuitFailures = 5
	// It stays open for circuitPause, and twice as long after each trial that
	// failed, up to maxCircuitPause.
	circuitPause    = 10 * time.Second
	maxCircuitPause = 5 * time.Minute
)

// circuit stops the calls of a hook that fails. Its methods may be called
// concurrently. Its zero value is closed; so is nil, for what does not fail.
type circuit struct {
	// troubled is false while there is nothing to look at: closed, and the last
	// call did not fail.
	troubled atomic.Bool

	mu       sync.Mutex // guards what follows
	failures int        // in a row
	open     bool
	trying   bool      // the one call of a circuit that is half open runs
	until    time.Time // of the pause
	pause    time.Duration
	last     string // failure
}

// admit tells whether a call may be made, and whether it is a trial. If not,
// it returns the last failure.
func (c *circuit) admit(now func() time.Time) (ok, trial bool, last string) {
	if c == nil || !c.troubled.Load() {
		return true, false, ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.open:
		return true, false, ""
	case c.trying || now().Before(c.until):
		return false, false, c.last
	}
	c.trying = true
	return true, true, ""
}

// passed takes note of a call that did not fail. What began before the circuit
// opened does not close it.
func (c *circuit) passed(trial bool) {
	if c == nil || !c.troubled.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open && !trial {
		return
	}
	c.failures, c.open, c.trying, c.pause = 0, false, false, 0
	c.troubled.Store(false)
}

// abandoned takes note of a call that says nothing about the hook. If it was a
// trial, the next call is one.
func (c *circuit) abandoned(trial bool) {
	if trial {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.trying = false
	}
}

// failed takes note of a failure and reports whether it opened the circuit,
// and for how long.
func (c *circuit) failed(trial bool, now time.Time, text string) (opened bool, pause time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open && !trial {
		return false, 0
	}
	c.troubled.Store(true)
	c.failures++
	c.last = text
	if c.failures < circuitFailures {
		return false, 0
	}
	c.pause = min(max(2*c.pause, circuitPause), maxCircuitPause)
	c.open, c.trying, c.until = true, false, now.Add(c.pause)
	return true, c.pause
}

func (c *circuit) state(now func() time.Time) engine.CircuitState {
	if !c.troubled.Load() {
		return engine.CircuitClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.open:
		return engine.CircuitClosed
	case c.trying || !now().Before(c.until):
		return engine.CircuitHalfOpen
	}
	return engine.CircuitOpen
}
