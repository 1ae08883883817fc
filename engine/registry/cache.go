package registry

import (
	"slices"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/twinbox/twinbox/engine"
)

// rowCache keeps the rows that were read last. Each request looks some up, most
// more than once, and nobody else writes the database.
type rowCache[V any] struct {
	id func(V) string
	// clone makes what its caller may change.
	clone func(V) V

	mu   sync.Mutex // guards all below
	rows *simplelru.LRU[string, V]
	// changes counts what was forgotten: a row that was read before one of
	// them may be older than it.
	changes uint64
}

// cachedRows take some 600 bytes each.
const cachedRows = 1024

func newRowCache[V any](id func(V) string, clone func(V) V) *rowCache[V] {
	// It fails for a size of zero only.
	rows, err := simplelru.NewLRU[string, V](cachedRows, nil)
	if err != nil {
		panic(err)
	}
	return &rowCache[V]{id: id, clone: clone, rows: rows}
}

// get returns a row, or what keep needs to be told with the one that is read
// instead.
func (c *rowCache[V]) get(id string) (v V, found bool, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, found = c.rows.Get(id)
	return c.clone(v), found, c.changes
}

// keep remembers a row that was read after get, unless something changed since.
func (c *rowCache[V]) keep(v V, changes uint64) {
	v = c.clone(v)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		c.rows.Add(c.id(v), v)
	}
}

// forget is called after a change is committed, and before anybody is told.
func (c *rowCache[V]) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.rows.Remove(id)
}

func newSessionCache() *rowCache[engine.Session] {
	return newRowCache(func(s engine.Session) string { return s.ID }, func(s engine.Session) engine.Session {
		s.Labels = slices.Clone(s.Labels)
		return s
	})
}

func newMessagingGroupCache() *rowCache[engine.MessagingGroup] {
	return newRowCache(func(g engine.MessagingGroup) string { return g.ID }, func(g engine.MessagingGroup) engine.MessagingGroup {
		if g.Name != nil {
			g.Name = new(*g.Name)
		}
		return g
	})
}
