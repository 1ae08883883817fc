package hooks

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// circuits are a hook's, one for each agent group for which it fails. The zero
// value has none. Its methods may be called concurrently.
type circuits struct {
	// any is false while there are none, which costs a call nothing.
	any atomic.Bool

	mu      sync.Mutex // guards byGroup
	byGroup map[string]*circuit
}

// find returns a group's circuit; nil if the hook does not fail for it.
func (s *circuits) find(group string) *circuit {
	if !s.any.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byGroup[group]
}

// make returns a group's circuit, for a failure.
func (s *circuits) make(group string) *circuit {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byGroup[group]
	if c == nil {
		c = &circuit{}
		if s.byGroup == nil {
			s.byGroup = map[string]*circuit{}
		}
		s.byGroup[group] = c
		s.any.Store(true)
	}
	return c
}

// passed takes note of a call of a group's that did not fail.
func (s *circuits) passed(group string, c *circuit, trial bool) {
	c.passed(trial)
	if c == nil || c.troubled.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byGroup[group] == c {
		delete(s.byGroup, group)
		s.any.Store(len(s.byGroup) > 0)
	}
}

// state is the worst of all groups'.
func (s *circuits) state(now func() time.Time) engine.CircuitState {
	worst := engine.CircuitClosed
	if !s.any.Load() {
		return worst
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.byGroup {
		switch c.state(now) {
		case engine.CircuitOpen:
			return engine.CircuitOpen
		case engine.CircuitHalfOpen:
			worst = engine.CircuitHalfOpen
		}
	}
	return worst
}
