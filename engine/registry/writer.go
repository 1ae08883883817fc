package registry

import (
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// maxBatch bounds how long the first of many callers waits for the last.
	maxBatch   = 256
	touchEvery = time.Second
)

// op is one caller's share of a transaction.
type op struct {
	fn   func(*conn) error
	err  error
	done chan struct{} // closed when err is final
}

// writer owns the only connection that writes. Callers that come while it
// commits find each other in its next transaction; one that comes alone has
// its own at once.
type writer struct {
	c       *conn
	dir     string   // of the database
	ops     chan *op // unbuffered: what was sent will be carried out
	touches *touches
	log     *slog.Logger
	failing bool // the last flush failed, and was logged
	stop    chan struct{}
	wg      sync.WaitGroup
}

func newWriter(c *conn, dir string, t *touches, log *slog.Logger) *writer {
	return &writer{c: c, dir: dir, ops: make(chan *op), touches: t, log: log, stop: make(chan struct{})}
}

func (w *writer) run() {
	tick := time.NewTicker(touchEvery)
	defer tick.Stop()
	for {
		select {
		case o := <-w.ops:
			w.batch(o)
		case <-tick.C:
			w.flush()
		case <-w.stop:
			w.flush()
			return
		}
	}
}

func (w *writer) close() error {
	close(w.stop)
	w.wg.Wait()
	return w.c.Close()
}

// batch carries out first, and all that wait, in one transaction.
func (w *writer) batch(first *op) {
	batch := make([]*op, 0, 8)
	err := w.transaction(func() error {
		for o := first; o != nil; o = w.next(len(batch)) {
			batch = append(batch, o)
			if lost := w.apply(o); lost != nil {
				return lost
			}
		}
		return nil
	})
	if len(batch) == 0 { // the transaction did not begin
		batch = append(batch, first)
	}
	for _, o := range batch {
		if err != nil {
			// Whatever o was told rests on rows that are not there now.
			o.err = err
		}
		close(o.done)
	}
}

func (w *writer) next(taken int) *op {
	if taken == maxBatch {
		return nil
	}
	select {
	case o := <-w.ops:
		return o
	default:
		return nil
	}
}

// apply carries out o, whole or not at all. It fails when the transaction
// around it is lost.
func (w *writer) apply(o *op) (lost error) {
	if _, err := w.c.Run(`SAVEPOINT op`); err != nil {
		return err
	}
	o.err = o.fn(w.c)
	if o.err != nil {
		if w.c.GetAutocommit() { // SQLite rolled back: a full or failing disk
			return o.err
		}
		if _, err := w.c.Run(`ROLLBACK TO op`); err != nil {
			return err
		}
	}
	_, err := w.c.Run(`RELEASE op`)
	return err
}

func (w *writer) transaction(fn func() error) error {
	_, err := w.c.Run(`BEGIN IMMEDIATE`)
	if err != nil {
		return explain(w.dir, err)
	}
	err = fn()
	if err == nil {
		_, err = w.c.Run(`COMMIT`)
	}
	if err != nil && !w.c.GetAutocommit() {
		_, rerr := w.c.Run(`ROLLBACK`)
		err = errors.Join(err, rerr)
	}
	return explain(w.dir, err)
}

// flush writes what was noted by Touch.
func (w *writer) flush() {
	batch := w.touches.begin()
	if len(batch) == 0 {
		w.touches.end(true)
		return
	}
	err := w.transaction(func() error {
		for id, at := range batch {
			if _, err := w.c.Run(`UPDATE sessions SET last_active = ?2 WHERE id = ?1 AND coalesce(last_active, ?2 - 1) < ?2`, id, at); err != nil {
				return err
			}
		}
		return nil
	})
	w.touches.end(err == nil)
	if err != nil && !w.failing {
		w.log.Error("note when sessions were last active; will try again", "sessions", len(batch), "error", err)
	}
	w.failing = err != nil
}
