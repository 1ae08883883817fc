package sessions

import (
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// idle keeps, for a short while, the SQLite instances that read or wrote one of
// a session's databases, without any database open: making one costs as much as
// all else that a lone read or write computes. An instance is only ever used for
// the database that it was made for. It is translated WebAssembly with a memory
// of its own, so what a crafted database might do to it stays where it came from.
type idle struct {
	mu     sync.Mutex // guards all below
	conns  map[idleKey]*idleConn
	closed bool
}

// idleKey names a database.
type idleKey struct{ session, file string }

type idleConn struct {
	*sqlite3.Conn
	expiry *time.Timer
}

const (
	idleTime = 2 * time.Second
	// maxIdle bounds what idle instances hold: some 0.5 MB each, as none is kept
	// that moved more than maxMoved bytes: its memory does not shrink.
	maxIdle  = 128
	maxMoved = 4 << 20
)

// take returns the database's instance, nil if there is none.
func (i *idle) take(key idleKey) *sqlite3.Conn {
	i.mu.Lock()
	defer i.mu.Unlock()
	c := i.conns[key]
	if c == nil {
		return nil
	}
	delete(i.conns, key)
	c.expiry.Stop()
	return c.Conn
}

// put keeps c, or closes it where there is no room.
func (i *idle) put(key idleKey, c *sqlite3.Conn) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || len(i.conns) >= maxIdle || i.conns[key] != nil {
		return c.Close()
	}
	if i.conns == nil {
		i.conns = map[idleKey]*idleConn{}
	}
	kept := &idleConn{Conn: c}
	kept.expiry = time.AfterFunc(idleTime, func() { i.expire(key, kept) })
	i.conns[key] = kept
	return nil
}

func (i *idle) expire(key idleKey, c *idleConn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.conns[key] == c {
		delete(i.conns, key)
		_ = c.Close() // nothing is open in it
	}
}

func (i *idle) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	for key, c := range i.conns {
		c.expiry.Stop()
		delete(i.conns, key)
		_ = c.Close() // nothing is open in it
	}
}
