package sessions

import (
	"time"

	"github.com/twinbox/twinbox/engine"
)

// waiting is which messages of a session wait, and what its container said of
// them: while that stays the same, no look need open inbound.db.
type waiting struct {
	said  []said
	since time.Time // zero: it is not known
}

type said struct {
	id string
	ack
}

const (
	// maxWaiting, and maxSaid in bytes, bound what is kept of a session.
	maxWaiting = 64
	maxSaid    = 256
	// waitingAge is how long it is relied on: another program may write
	// inbound.db.
	waitingAge = 5 * time.Second
)

func (w *waiting) add(id string, a ack) {
	if len(w.said) == maxWaiting || len(id)+len(a.status)+len(a.changed) > maxSaid {
		*w = waiting{}
	}
	if !w.since.IsZero() {
		w.said = append(w.said, said{id, a})
	}
}

// known tells whether it can be relied on.
func (w *waiting) known() bool {
	return !w.since.IsZero() && time.Since(w.since).Abs() <= waitingAge
}

// same tells whether outbound.db says the same.
func (w *waiting) same(m *mailbox) bool {
	if !w.known() {
		return false
	}
	acks := m.acks()
	defer acks.close()
	if acks.err != nil {
		return false
	}
	for _, s := range w.said {
		if now, err := acks.look(s.id); err != nil || now != s.ack {
			return false
		}
	}
	return true
}

// waitingSame is waiting.same for a watched session. Who looks at that now need
// not settle its messages then.
func (w *watcher) waitingSame(sess engine.Session, m *mailbox) bool {
	w.mu.Lock()
	v := w.watched[sess.ID]
	if v == nil {
		w.mu.Unlock()
		return false
	}
	known := v.waiting
	w.mu.Unlock()
	same := known.same(m)
	w.mu.Lock()
	defer w.mu.Unlock()
	v.same = same && v.waiting.since.Equal(known.since)
	return v.same
}

func (w *watcher) forgetWaiting(sessionID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v := w.watched[sessionID]; v != nil {
		v.waiting, v.same = waiting{}, false
	}
}
