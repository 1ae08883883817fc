package engine

import "sync"

// gates order what changes a session's state against the writes to it: a
// write that is acknowledged after a close began would otherwise land in a
// closed session. A gate exists while somebody is at it, so a session that
// holds up its callers holds up no others.
type gates[K comparable] struct {
	mu   sync.Mutex // guards open, and the counts in it
	open map[K]*gate
}

type gate struct {
	sync.RWMutex
	callers int
}

func (g *gates[K]) enter(key K) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open = map[K]*gate{}
	}
	t := g.open[key]
	if t == nil {
		t = &gate{}
		g.open[key] = t
	}
	t.callers++
	return t
}

func (g *gates[K]) leave(key K, t *gate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.callers--; t.callers == 0 {
		delete(g.open, key)
	}
}

// rlock lets others in that rlock, and keeps out those that lock.
func (g *gates[K]) rlock(key K) (unlock func()) {
	t := g.enter(key)
	t.RLock()
	return func() {
		t.RUnlock()
		g.leave(key, t)
	}
}

func (g *gates[K]) lock(key K) (unlock func()) {
	t := g.enter(key)
	t.Lock()
	return func() {
		t.Unlock()
		g.leave(key, t)
	}
}
