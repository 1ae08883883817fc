package hooks

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/twinbox/twinbox/engine"
)

// table is all that is in use. It does not change; its holders are counted, and
// the last one lets go of the hooks that only it names.
type table struct {
	holders  atomic.Int64
	closed   bool // the host is
	chains   [pointCount][]link
	hooks    []*hook
	byName   map[string]*hook
	accounts map[string]*account
}

// link is a hook's place in a chain.
type link struct {
	*hook
	order  int
	policy engine.HookFailurePolicy
	scope  engine.HookScope
}

func (t *table) add(k *hook, r engine.HookRecord) {
	t.hooks = append(t.hooks, k)
	t.byName[r.Name] = k
	scope := engine.HookScope{
		AgentGroupIDs: slices.Clone(r.Scope.AgentGroupIDs),
		ChannelTypes:  slices.Clone(r.Scope.ChannelTypes),
		Kinds:         slices.Clone(r.Scope.Kinds),
	}
	for _, p := range r.Points {
		if i := pointIndex(p); i >= 0 {
			t.chains[i] = append(t.chains[i], link{k, r.Order, r.OnFailure, scope})
		}
	}
}

func (t *table) sort() {
	for _, chain := range t.chains {
		slices.SortFunc(chain, func(a, b link) int {
			return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.name, b.name))
		})
	}
}

// swap puts t in use, unless the host is closed.
func (h *Host) swap(t *table) bool {
	t.holders.Store(1)
	h.mu.Lock()
	old := h.current.Load()
	if old != nil && old.closed {
		h.mu.Unlock()
		return false
	}
	h.tables++
	for _, k := range t.hooks {
		k.tables++
		h.inUse[k] = true
	}
	h.current.Store(t)
	h.mu.Unlock()
	if old != nil {
		h.release(old)
	}
	return true
}

// acquire returns the table in use, until release.
func (h *Host) acquire() (t *table, release func()) {
	t = h.hold()
	return t, func() { h.release(t) }
}

func (h *Host) hold() *table {
	for {
		t := h.current.Load()
		// A table that nobody holds is not in use any more.
		if n := t.holders.Load(); n > 0 && t.holders.CompareAndSwap(n, n+1) {
			return t
		}
	}
}

func (h *Host) release(t *table) {
	if t.holders.Add(-1) > 0 {
		return
	}
	var unused []*hook
	h.mu.Lock()
	for _, k := range t.hooks {
		if k.tables--; k.tables == 0 {
			unused = append(unused, k)
			delete(h.inUse, k)
		}
	}
	h.mu.Unlock()
	for _, k := range unused {
		k.close()
	}
	h.mu.Lock()
	h.tables--
	h.drained.Broadcast()
	h.mu.Unlock()
}
