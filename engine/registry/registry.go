// Package registry is the central database, engine.db: agent groups, messaging
// groups, destinations, hooks, and the list of sessions. Nothing outside of it
// opens that file.
package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// maxReaders bounds the connections that read. Each may come to hold about
// 9 MB, and answers some 100,000 lookups in a second.
const maxReaders = 4

// Options are for Open.
type Options struct {
	// Log takes the failures of background work; nil discards them.
	Log *slog.Logger
}

// Registry is an open engine.db. Its methods may be called concurrently. One
// that returns no error has its change on disk.
type Registry struct {
	writer  *writer
	readers chan *conn
	touches touches
	// sessions are also told of what touches wrote.
	sessions *rowCache[engine.Session]
	chats    *rowCache[engine.MessagingGroup]
	log      *slog.Logger
	damaged  sync.Map // names of hooks that were logged as damaged
	// preparing is held while an operation is added, or what never was whole
	// removed.
	preparing sync.Mutex

	closed   chan struct{}
	closing  sync.Once
	closeErr error
}

var _ engine.Registry = (*Registry)(nil)

// Open opens the database at path, making it where there is none, and brings
// it to the present schema. It refuses a file that is damaged, that is not a
// registry, or that a newer version has written. The caller sees to it that
// no other process has it open, and calls Close.
func Open(ctx context.Context, path string, o Options) (*Registry, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r, err := open(ctx, path, o)
	if err != nil {
		return nil, failure("open "+path, explain(filepath.Dir(path), damaged(err)))
	}
	return r, nil
}

func open(ctx context.Context, path string, o Options) (*Registry, error) {
	// Absolute, since SQLite takes "file:..." for a URI.
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// SQLite keeps its log beside the file itself, not beside a link to it.
	if file, err := filepath.EvalSymlinks(path); err == nil {
		path = file
	}
	if err := database.Restrict(path); err != nil {
		return nil, err
	}
	c, err := openWriter(ctx, path)
	if err != nil {
		return nil, err
	}
	readers := min(max(2, runtime.GOMAXPROCS(0)), maxReaders)
	r := &Registry{readers: make(chan *conn, readers), closed: make(chan struct{}), log: o.Log,
		sessions: newSessionCache(), chats: newMessagingGroupCache()}
	r.touches.cache = r.sessions
	for range readers {
		rc, err := openReader(ctx, path)
		if err != nil {
			return nil, errors.Join(err, r.closeReaders(len(r.readers)), c.Close())
		}
		r.readers <- rc
	}
	// Again: at its first opening SQLite replaces the log.
	if err := database.Restrict(path); err != nil {
		return nil, errors.Join(err, r.closeReaders(readers), c.Close())
	}
	r.writer = newWriter(c, filepath.Dir(path), &r.touches, o.Log)
	r.writer.wg.Go(r.writer.run)
	return r, nil
}

// Close waits for what was begun, writes what Touch noted, and closes the
// database. What is called afterwards fails with CodeUnavailable. It may be
// called more than once.
func (r *Registry) Close() error {
	r.closing.Do(func() {
		close(r.closed)
		r.closeErr = errors.Join(r.writer.close(), r.closeReaders(cap(r.readers)))
	})
	return r.closeErr
}

func (r *Registry) closeReaders(n int) error {
	var errs []error
	for range n {
		errs = append(errs, (<-r.readers).Close())
	}
	return errors.Join(errs...)
}

// read runs fn on a connection that only reads. Each statement of fn sees the
// newest state; see Conn.Snapshot.
func (r *Registry) read(ctx context.Context, what string, fn func(*conn) error) error {
	var c *conn
	select {
	case <-r.closed:
		return errClosed()
	case c = <-r.readers:
	default:
		select {
		case <-r.closed:
			return errClosed()
		case <-ctx.Done():
			return ended(what, ctx)
		case c = <-r.readers:
		}
	}
	// Also after a panic, lest the pool lose a place.
	defer func() { r.readers <- c }()
	c.SetInterrupt(ctx)
	defer c.SetInterrupt(context.Background())
	err := fn(c)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && engine.CodeOf(err) == engine.CodeInternal {
		return ended(what, ctx)
	}
	return failure(what, err)
}

// write runs fn in a transaction that it may share with other calls, and
// returns when that is on disk or nothing of fn is. fn must not wait.
func (r *Registry) write(ctx context.Context, what string, fn func(*conn) error) error {
	if ctx.Err() != nil {
		return ended(what, ctx)
	}
	o := &op{fn: fn, done: make(chan struct{})}
	select {
	case <-r.closed:
		return errClosed()
	case <-ctx.Done():
		return ended(what, ctx)
	case r.writer.ops <- o:
		<-o.done
	}
	return failure(what, o.err)
}

func (r *Registry) isClosed() bool {
	select {
	case <-r.closed:
		return true
	default:
		return false
	}
}

func errClosed() error {
	return engine.Errorf(engine.CodeUnavailable, "the engine is shutting down; try again in a moment")
}

func ended(what string, ctx context.Context) error {
	return engine.Unavailable(fmt.Errorf("%s: %w", what, context.Cause(ctx)),
		"the request ended before it could be served; nothing was changed")
}
