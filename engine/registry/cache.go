package registry

import (
	"slices"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/twinbox/twinbox/engine"
)

// sessionCache keeps the sessions that were read last. Each request looks one
// up, most more than once, and nobody else writes the database.
type sessionCache struct {
	mu       sync.Mutex // guards all below
	sessions *simplelru.LRU[string, engine.Session]
	// changes counts what was forgotten: a row that was read before one of
	// them may be older than it.
	changes uint64
}

// cachedSessions take some 300 bytes each.
const cachedSessions = 1024

func newSessionCache() *sessionCache {
	// It fails for a size of zero only.
	sessions, err := simplelru.NewLRU[string, engine.Session](cachedSessions, nil)
	if err != nil {
		panic(err)
	}
	return &sessionCache{sessions: sessions}
}

// get returns a session, or what keep needs to be told with the row that is
// read instead.
func (c *sessionCache) get(id string) (s engine.Session, found bool, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, found = c.sessions.Get(id)
	s.Labels = slices.Clone(s.Labels)
	return s, found, c.changes
}

// keep remembers a row that was read after get, unless something changed since.
func (c *sessionCache) keep(s engine.Session, changes uint64) {
	s.Labels = slices.Clone(s.Labels)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		c.sessions.Add(s.ID, s)
	}
}

// forget is called after a change is committed, and before anybody is told.
func (c *sessionCache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.sessions.Remove(id)
}
