package hooks

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// newRoom is for an instance of a hook that may have so much memory.
func (h *Host) newRoom(group, hook string, limits engine.HookLimits) *room {
	return &room{quota: h.memory, claim: claim{group: group, hook: hook, need: limits.MemoryBytes}}
}

// begin takes what an instance will begin with, and waits for it until then.
func (r *room) begin(ctx context.Context, bytes int64, until time.Time) error {
	if taken, err := r.tryBegin(bytes); taken || err != nil {
		return err
	}
	if err := r.quota.wait(ctx, &r.claim, until); err != nil {
		return err
	}
	r.held = bytes
	return nil
}

// tryBegin is begin that does not wait.
func (r *room) tryBegin(bytes int64) (taken bool, err error) {
	if bytes > r.quota.limit {
		return false, faultf("it begins with %s bytes of memory, more than the %s that all hooks may have together", humanize.Comma(bytes), humanize.Comma(r.quota.limit))
	}
	r.claim.bytes = bytes
	if !r.quota.try(&r.claim, false) {
		return false, nil
	}
	r.held = bytes
	return true, nil
}

// room is one instance's memory: addresses are reserved for all it may grow
// to, so that growing moves nothing; outside of Go's heap, so that it neither
// triggers collections nor is kept by them. It is wazero's allocator for the
// one memory that a module can have. It serves one goroutine at a time.
type room struct {
	quota *quota
	claim claim
	held  int64 // of the quota
	area  []byte
	size  int64
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
		if r.claim.bytes = n - r.held; !r.quota.try(&r.claim, true) {
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
		r.quota.give(&r.claim, r.held-r.size)
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
	r.quota.give(&r.claim, r.held)
}
