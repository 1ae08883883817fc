package registry

import (
	"maps"
	"sync"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// touches are the sessions that were active and whose rows do not say so yet,
// with the time in milliseconds.
type touches struct {
	mu sync.Mutex // guards all below; the writer alone reads writing without it
	// A touch goes from pending to writing to written, and is forgotten at the
	// end of the next flush: a read that began before the commit may still
	// have the old row in hand.
	pending, writing, written map[string]int64
	cache                     *rowCache[engine.Session]
}

// Touch notes that a session was active. The database learns of it within a
// second or at Close; Session and Sessions show it at once.
func (r *Registry) Touch(id string, at time.Time) {
	t := &r.touches
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		t.pending = map[string]int64{}
	}
	t.pending[id] = max(t.pending[id], at.UnixMilli())
}

// overlay gives s the newest time known, if the row does not have it.
func (t *touches) overlay(s *engine.Session) {
	t.mu.Lock()
	at := max(t.pending[s.ID], t.writing[s.ID], t.written[s.ID])
	t.mu.Unlock()
	if at != 0 && (s.LastActive == nil || s.LastActive.UnixMilli() < at) {
		s.LastActive = timeOf(at)
	}
}

// begin takes what is pending; end follows.
func (t *touches) begin() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing, t.pending = t.pending, nil
	return t.writing
}

func (t *touches) end(ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ok {
		for id := range t.writing {
			t.cache.forget(id)
		}
		t.written, t.writing = t.writing, nil
		return
	}
	maps.DeleteFunc(t.writing, func(id string, at int64) bool { return t.pending[id] >= at })
	if t.pending == nil {
		t.pending = map[string]int64{}
	}
	maps.Copy(t.pending, t.writing)
	t.writing = nil
}

func timeOf(milliseconds int64) *time.Time {
	at := time.UnixMilli(milliseconds).UTC()
	return &at
}
