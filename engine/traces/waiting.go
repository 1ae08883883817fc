package traces

import (
	"slices"
	"sync"

	"github.com/twinbox/twinbox/engine"
)

const (
	// waitingBytes bounds the memory of what waits to be stored, about.
	waitingBytes = 16 << 20
	// chunkBytes is what a chunk takes besides its body, about.
	chunkBytes = 512
)

// waiting has what is not stored yet, as it will be: a trace is copied while the
// processor still has it at hand, and its memory can be used for the next. Its
// methods may be called concurrently. The zero value is empty.
type waiting struct {
	mu    sync.Mutex // guards what follows
	bytes int
	// newest is the chunk that was added to last; most traces join it.
	newest *chunk
	open   map[mailbox]*chunk
	full   []*chunk
	// storing can be found until it is stored.
	storing []*chunk
}

// mailbox is what a chunk has traces of.
type mailbox struct {
	session   string
	direction engine.Direction
}

// Add implements engine.HookTraces.
func (t *Traces) Add(h *engine.HookTrace) bool { return t.waiting.add(h) }

func (w *waiting) add(t *engine.HookTrace) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bytes > waitingBytes {
		return false
	}
	c := w.newest
	if c == nil || c.session != t.SessionID || c.direction != t.Direction || !c.takes(t) {
		c = w.chunkFor(t)
		w.newest = c
	}
	before := len(c.body)
	c.add(t)
	w.bytes += len(c.body) - before
	return true
}

// chunkFor returns an open chunk that takes a trace. The caller holds mu.
func (w *waiting) chunkFor(t *engine.HookTrace) *chunk {
	of := mailbox{t.SessionID, t.Direction}
	c := w.open[of]
	if c != nil && c.takes(t) {
		return c
	}
	next := &chunk{session: t.SessionID, direction: t.Direction}
	if c != nil {
		w.full = append(w.full, c)
		next.body = make([]byte, 0, len(c.body)) // it will be as long, mostly
	}
	if w.open == nil {
		w.open = map[mailbox]*chunk{}
	}
	w.open[of] = next
	w.bytes += chunkBytes
	return next
}

// take returns what is to be stored now, older chunks of a mailbox first: also
// what was taken before, and not stored.
func (w *waiting) take() []*chunk {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.storing = append(w.storing, w.full...)
	for _, c := range w.open {
		w.storing = append(w.storing, c)
	}
	w.full, w.open, w.newest = nil, nil, nil
	return w.storing
}

// stored ends what was taken last.
func (w *waiting) stored() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.storing {
		w.bytes -= chunkBytes + len(c.body)
	}
	w.storing = nil
}

func (w *waiting) forget(session string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.newest = nil
	gone := func(c *chunk) bool {
		if c.session == session {
			w.bytes -= chunkBytes + len(c.body)
		}
		return c.session == session
	}
	w.storing, w.full = slices.DeleteFunc(w.storing, gone), slices.DeleteFunc(w.full, gone)
	for of, c := range w.open {
		if gone(c) {
			delete(w.open, of)
		}
	}
}

func (w *waiting) find(session string, d engine.Direction, seqs []int64) (map[int64]*engine.HookTrace, error) {
	found := map[int64]*engine.HookTrace{}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, list := range [][]*chunk{w.storing, w.full, {w.open[mailbox{session, d}]}} {
		for _, c := range list {
			if c == nil || c.session != session || c.direction != d ||
				!slices.ContainsFunc(seqs, func(seq int64) bool { return c.first <= seq && seq <= c.last }) {
				continue
			}
			err := each(c.body, func(h engine.HookTrace) {
				if slices.Contains(seqs, h.Seq) {
					h.SessionID, h.Direction = session, d
					found[h.Seq] = &h
				}
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}
