package hooks

import (
	"cmp"
	"slices"
	"time"
)

const sweepTime = 15 * time.Second

// sweep closes instances that nobody has called for a while.
func (h *Host) sweep() {
	ticker := time.NewTicker(sweepTime)
	defer ticker.Stop()
	for {
		select {
		case <-h.running.Done():
			return
		case <-ticker.C:
			h.closeIdle(time.Since(h.opened) - idleTime)
		}
	}
}

func (h *Host) closeIdle(before time.Duration) {
	for _, k := range h.hooksInUse() {
		k.closeIdle(before, nil)
	}
}

func (h *Host) hooksInUse() []*hook {
	h.mu.Lock()
	defer h.mu.Unlock()
	hooks := make([]*hook, 0, len(h.inUse))
	for k := range h.inUse {
		hooks = append(hooks, k)
	}
	return hooks
}

// evict closes the instances of a group, or of all, that have been idle
// longest, until so many bytes have come back; of all, an eighth of what there
// is besides: looking for them costs as much as there are pools, so it should be
// seldom.
func (h *Host) evict(group *string, bytes int64) {
	type idler struct {
		at    time.Duration
		bytes int64
	}
	var all []idler
	hooks := h.hooksInUse()
	for _, k := range hooks {
		k.idle(group, func(at time.Duration, bytes int64) { all = append(all, idler{at, bytes}) })
	}
	slices.SortFunc(all, func(a, b idler) int { return cmp.Compare(a.at, b.at) })
	if group == nil {
		bytes += h.memory.limit / 8
	}
	before := time.Duration(-1)
	for _, i := range all {
		if bytes <= 0 {
			break
		}
		bytes -= i.bytes
		before = i.at + 1
	}
	if before < 0 {
		return
	}
	for _, k := range hooks {
		k.closeIdle(before, group)
	}
}
