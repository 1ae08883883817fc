package hooks

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// budget is the memory that all instances share. Its methods may be called
// concurrently.
type budget struct {
	limit int64
	used  atomic.Int64
	// evict closes idle instances until bytes are free, or none is idle.
	evict func(bytes int64)

	waiting atomic.Int64
	mu      sync.Mutex
	freed   chan struct{} // closed when memory may have come free; mu guards it
}

func newBudget(limit int64, evict func(bytes int64)) *budget {
	return &budget{limit: limit, evict: evict, freed: make(chan struct{})}
}

func (b *budget) take(bytes int64) bool {
	if b.used.Add(bytes) <= b.limit {
		return true
	}
	b.used.Add(-bytes)
	return false
}

func (b *budget) takeOrEvict(bytes int64) bool {
	if b.take(bytes) {
		return true
	}
	b.evict(bytes)
	return b.take(bytes)
}

func (b *budget) give(bytes int64) {
	b.used.Add(-bytes)
	b.signal()
}

// signal wakes who waits for memory: some came free, or an instance fell idle.
func (b *budget) signal() {
	if b.waiting.Load() == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.freed)
	b.freed = make(chan struct{})
}

// room takes what an instance will begin with, and waits for it.
func (b *budget) room(ctx context.Context, bytes int64, patience time.Duration) (*room, error) {
	r := &room{budget: b}
	if bytes > b.limit {
		return nil, faultf("it begins with %s bytes of memory, more than the %s that all hooks may have together", humanize.Comma(bytes), humanize.Comma(b.limit))
	}
	if b.takeOrEvict(bytes) {
		r.held = bytes
		return r, nil
	}
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		b.mu.Lock()
		freed := b.freed
		b.mu.Unlock()
		if b.takeOrEvict(bytes) {
			r.held = bytes
			return r, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, engine.Unavailable(ctx.Err(), "waiting for memory to run a hook in was cut short")
		case <-timer.C:
			return nil, r.unavailable()
		}
	}
}

// room is one instance's memory: addresses are reserved for all it may grow
// to, so that growing moves nothing; outside of Go's heap, so that it neither
// triggers collections nor is kept by them. It is wazero's allocator for the
// one memory that a module can have. It serves one goroutine at a time.
type room struct {
	budget *budget
	held   int64 // of the budget
	area   []byte
	size   int64
	// starved: growing failed because of others, not for the hook's own limit.
	starved bool
	freed   atomic.Bool
}

var (
	_ experimental.MemoryAllocator = (*room)(nil)
	_ experimental.LinearMemory    = (*room)(nil)
)

// Allocate reserves limit bytes.
func (r *room) Allocate(_, limit uint64) experimental.LinearMemory {
	if limit > 0 {
		area, err := unix.Mmap(-1, 0, int(limit), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
		if err != nil {
			r.starved = true
		}
		useLargePages(area)
		r.area = area
	}
	return r
}

// Reallocate makes the first size bytes usable. Memory never shrinks.
func (r *room) Reallocate(size uint64) []byte {
	n := int64(size)
	if n > int64(len(r.area)) {
		return nil
	}
	if n > r.held {
		if !r.budget.takeOrEvict(n - r.held) {
			r.starved = true
			return nil
		}
		r.held = n
	}
	if n > r.size {
		if err := unix.Mprotect(r.area[r.size:n], unix.PROT_READ|unix.PROT_WRITE); err != nil {
			r.starved = true
			return nil
		}
		r.size = n
	}
	if n == 0 {
		return []byte{} // nil is a failure
	}
	return r.area[:n:n]
}

// settle gives back what was taken and not used.
func (r *room) settle() {
	if r.held > r.size {
		r.budget.give(r.held - r.size)
		r.held = r.size
	}
}

// Free may be called again, and concurrently: wazero's runtime does when it is
// closed.
func (r *room) Free() {
	if !r.freed.CompareAndSwap(false, true) {
		return
	}
	if r.area != nil {
		// It can fail for what is no mapping, and this is one.
		_ = unix.Munmap(r.area)
	}
	r.budget.give(r.held)
}

func (r *room) unavailable() error {
	return engine.Errorf(engine.CodeUnavailable, "the memory that hooks may have together (%s bytes) is in use; try again later", humanize.Comma(r.budget.limit))
}
