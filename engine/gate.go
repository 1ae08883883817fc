package engine

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// gates order what changes a session's state against the writes to it: a
// write that is acknowledged after a close began would otherwise land in a
// closed session. A gate exists while somebody is at it, so a session that
// holds up its callers holds up no others; and nobody waits at one for longer
// than their context or the gates' own time.
type gates[K comparable] struct {
	wait time.Duration
	mu   sync.Mutex // guards open, and the counts in it
	open map[K]*gate
}

type gate struct {
	*semaphore.Weighted
	callers int
}

const everybody = math.MaxInt64

func (g *gates[K]) enter(key K) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open = map[K]*gate{}
	}
	t := g.open[key]
	if t == nil {
		t = &gate{Weighted: semaphore.NewWeighted(everybody)}
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
func (g *gates[K]) rlock(ctx context.Context, key K) (unlock func(), err error) {
	return g.acquire(ctx, key, 1)
}

func (g *gates[K]) lock(ctx context.Context, key K) (unlock func(), err error) {
	return g.acquire(ctx, key, everybody)
}

func (g *gates[K]) acquire(ctx context.Context, key K, weight int64) (func(), error) {
	t := g.enter(key)
	if !t.TryAcquire(weight) {
		ctx, cancel := context.WithTimeout(ctx, g.wait)
		defer cancel()
		if err := t.Acquire(ctx, weight); err != nil {
			g.leave(key, t)
			return nil, Unavailable(err, "the session is busy: somebody else changes it; nothing was done; try again in a moment")
		}
	}
	return func() {
		t.Release(weight)
		g.leave(key, t)
	}, nil
}
