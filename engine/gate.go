package engine

import (
	"hash/maphash"
	"sync"
)

// gates order what changes a session's state against the writes to it: a
// write that is acknowledged after a close began would otherwise land in a
// closed session. Sessions share gates, so they need no book-keeping.
type gates struct {
	once sync.Once
	seed maphash.Seed
	mus  [256]sync.RWMutex
}

func (g *gates) of(sessionID string) *sync.RWMutex {
	g.once.Do(func() { g.seed = maphash.MakeSeed() })
	return &g.mus[maphash.String(g.seed, sessionID)%uint64(len(g.mus))]
}

func (g *gates) rlock(sessionID string) (unlock func()) {
	mu := g.of(sessionID)
	mu.RLock()
	return mu.RUnlock
}

func (g *gates) lock(sessionID string) (unlock func()) {
	mu := g.of(sessionID)
	mu.Lock()
	return mu.Unlock
}

// keyed runs one function at a time for each key.
type keyed struct {
	mu      sync.Mutex // guards waiting
	waiting map[SessionKey]*turn
}

type turn struct {
	sync.Mutex
	callers int
}

func (k *keyed) lock(key SessionKey) (unlock func()) {
	// The thread's text is the key, not the pointer to it.
	if key.ThreadID != nil {
		key.MessagingGroupID += "\x00" + *key.ThreadID
		key.ThreadID = nil
	}
	k.mu.Lock()
	if k.waiting == nil {
		k.waiting = map[SessionKey]*turn{}
	}
	t := k.waiting[key]
	if t == nil {
		t = &turn{}
		k.waiting[key] = t
	}
	t.callers++
	k.mu.Unlock()
	t.Lock()
	return func() {
		t.Unlock()
		k.mu.Lock()
		if t.callers--; t.callers == 0 {
			delete(k.waiting, key)
		}
		k.mu.Unlock()
	}
}
