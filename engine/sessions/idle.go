package sessions

import (
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// idle keeps, for a short while, the SQLite instances that wrote a session,
// without any database open: making one costs as much as all else that a
// lone write computes. An instance is only ever used for the session that it
// was made for. It is translated WebAssembly with a memory of its own, so what
// a crafted database might do to it stays with the session it came from.
type idle struct {
	mu     sync.Mutex // guards all below
	conns  map[string]*idleConn
	closed bool
}

type idleConn struct {
	*sqlite3.Conn
	expiry *time.Timer
}

const (
	idleTime = 2 * time.Second
	// maxIdle bounds what idle instances hold: some 0.5 MB each.
	maxIdle = 128
)

// take returns the session's instance, nil if there is none.
func (i *idle) take(sessionID string) *sqlite3.Conn {
	i.mu.Lock()
	defer i.mu.Unlock()
	c := i.conns[sessionID]
	if c == nil {
		return nil
	}
	delete(i.conns, sessionID)
	c.expiry.Stop()
	return c.Conn
}

// put keeps c, or closes it where there is no room.
func (i *idle) put(sessionID string, c *sqlite3.Conn) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || len(i.conns) >= maxIdle || i.conns[sessionID] != nil {
		return c.Close()
	}
	if i.conns == nil {
		i.conns = map[string]*idleConn{}
	}
	kept := &idleConn{Conn: c}
	kept.expiry = time.AfterFunc(idleTime, func() { i.expire(sessionID, kept) })
	i.conns[sessionID] = kept
	return nil
}

func (i *idle) expire(sessionID string, c *idleConn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.conns[sessionID] == c {
		delete(i.conns, sessionID)
		_ = c.Close() // nothing is open in it
	}
}

func (i *idle) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	for id, c := range i.conns {
		c.expiry.Stop()
		delete(i.conns, id)
		_ = c.Close() // nothing is open in it
	}
}
