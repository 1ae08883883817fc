// Package index is the database that searches are answered from, index.db: a
// copy of what is in the session folders. It may be deleted while no engine
// runs, and is made again.
package index

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

//go:embed schema.sql
var schema string

const (
	// applicationID marks a file as an index of ours ("TwIx").
	applicationID = 0x54774978
	// version is that of the schema, and of what is put into it.
	version = 4

	readers = 2

	// A crash of the machine may cost the last that was indexed, which is then
	// indexed once more; it never damages the file.
	pragmas = `
PRAGMA busy_timeout = 5000;
PRAGMA temp_store = MEMORY;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -4096;
`
)

// Index is an open index.db. Its methods may be called concurrently.
type Index struct {
	path    string
	log     *slog.Logger
	damaged atomic.Bool // and to be made anew

	writing sync.Mutex // guards writer
	writer  *database.Conn
	readers chan *database.Conn
	closed  chan struct{}
	closing sync.Once
}

var _ engine.MailIndex = (*Index)(nil)

// Open opens the index at path. One that is damaged, of another version or not
// there is made anew. The caller sees to it that no other process has it open,
// and calls Close.
func Open(ctx context.Context, path string, log *slog.Logger) (*Index, error) {
	log = cmp.Or(log, slog.New(slog.DiscardHandler))
	path, err := filepath.Abs(path) // SQLite takes "file:..." for a URI
	if err != nil {
		return nil, err
	}
	x, err := open(ctx, path)
	if err != nil && ctx.Err() == nil {
		if !errors.Is(err, errNew) {
			log.Warn("the index of mail cannot be used, and is made anew", "file", path, "error", err)
		}
		if err = Remove(path); err == nil {
			x, err = create(ctx, path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	x.path, x.log = path, log
	return x, nil
}

// Remove removes the files of an index.
func Remove(path string) error {
	var errs []error
	for _, suffix := range [...]string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

var errNew = errors.New("there is none")

func open(ctx context.Context, path string) (*Index, error) {
	// Before SQLite opens it, which would take what is left of a log for the
	// rest of a file that somebody put there.
	if err := begins(path); err != nil {
		return nil, err
	}
	return connect(ctx, path, func(c *database.Conn) error {
		id, err := c.Number(`PRAGMA application_id`)
		if err != nil {
			return err
		}
		v, err := c.Number(`PRAGMA user_version`)
		if err != nil {
			return err
		}
		if id != applicationID || v != version {
			return fmt.Errorf("it has version %d of application %x", v, id)
		}
		// What is damaged elsewhere shows when it is used.
		_, err = c.Number(`SELECT count(*) FROM place`)
		return err
	})
}

// begins checks that a file begins as a database does.
func begins(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errNew
	}
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != magic {
		return errors.New("it is no database")
	}
	return nil
}

const magic = "SQLite format 3\x00"

func create(ctx context.Context, path string) (*Index, error) {
	return connect(ctx, path, func(c *database.Conn) error {
		mode, err := c.Text(`PRAGMA journal_mode = WAL`)
		if err != nil {
			return err
		}
		if mode != "wal" {
			return fmt.Errorf("the file system does not support SQLite's write-ahead log (journal_mode is %q)", mode)
		}
		return c.Exec("BEGIN;" + schema + fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", applicationID, version))
	})
}

// connect opens the connections; prepare is given the one that writes.
func connect(ctx context.Context, path string, prepare func(*database.Conn) error) (_ *Index, err error) {
	if err := database.Restrict(path); err != nil {
		return nil, err
	}
	x := &Index{readers: make(chan *database.Conn, readers), closed: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, x.close(len(x.readers)))
		}
	}()
	if x.writer, err = connection(ctx, path); err != nil {
		return nil, err
	}
	if err = prepare(x.writer); err != nil {
		return nil, err
	}
	for range readers {
		c, err := connection(ctx, path)
		if err != nil {
			return nil, err
		}
		x.readers <- c
		if err = c.Exec(`PRAGMA query_only = ON`); err != nil {
			return nil, err
		}
	}
	return x, database.Restrict(path) // SQLite made files of its own
}

func connection(ctx context.Context, path string) (*database.Conn, error) {
	c, err := database.Open(ctx, path, pragmas)
	if err != nil {
		return nil, err
	}
	if err := fts5.Register(c.Conn); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.SetInterrupt(context.Background())
	return c, nil
}

// Close waits for what was begun. What is called afterwards fails with
// CodeUnavailable. It may be called more than once.
func (x *Index) Close() (err error) {
	x.closing.Do(func() {
		close(x.closed)
		x.writing.Lock()
		defer x.writing.Unlock()
		err = x.close(readers)
	})
	return err
}

func (x *Index) close(n int) error {
	var errs []error
	for range n {
		errs = append(errs, (<-x.readers).Close())
	}
	if x.writer != nil {
		errs = append(errs, x.writer.Close())
	}
	return errors.Join(errs...)
}

// read runs fn on a connection that only reads.
func (x *Index) read(ctx context.Context, what string, fn func(*database.Conn) error) error {
	select {
	case <-x.closed:
		return errClosed()
	default:
	}
	select {
	case <-x.closed:
		return errClosed()
	case <-ctx.Done():
		return x.failure(ctx, what, ctx.Err())
	case c := <-x.readers:
		defer func() { x.readers <- c }()
		c.SetInterrupt(ctx)
		defer c.SetInterrupt(context.Background())
		return x.failure(ctx, what, fn(c))
	}
}

// write runs fn in a transaction.
func (x *Index) write(ctx context.Context, what string, fn func(*database.Conn) error) error {
	x.writing.Lock()
	defer x.writing.Unlock()
	select {
	case <-x.closed:
		return errClosed()
	default:
	}
	if x.damaged.Load() {
		if err := x.renew(ctx); err != nil {
			return fmt.Errorf("make the index anew: %w", err)
		}
		return errAnew
	}
	_, err := x.writer.Run(`BEGIN IMMEDIATE`)
	if err == nil {
		if err = fn(x.writer); err == nil {
			_, err = x.writer.Run(`COMMIT`)
		}
		if err != nil && !x.writer.GetAutocommit() {
			_, rerr := x.writer.Run(`ROLLBACK`)
			err = errors.Join(err, rerr)
		}
	}
	return x.failure(ctx, what, err)
}

// errAnew is for what was to be written into the index that is gone.
var errAnew = errors.New("the index was damaged, and is made anew")

// renew puts an empty index in the place of a damaged one, once nobody reads.
// writing is held.
func (x *Index) renew(ctx context.Context) error {
	var old []*database.Conn
	for range readers {
		select {
		case c := <-x.readers:
			old = append(old, c)
		case <-ctx.Done():
			for _, c := range old {
				x.readers <- c
			}
			return ctx.Err()
		}
	}
	fresh, err := (*Index)(nil), Remove(x.path)
	if err == nil {
		fresh, err = create(context.WithoutCancel(ctx), x.path)
	}
	if err != nil {
		for _, c := range old {
			x.readers <- c
		}
		return err
	}
	for _, c := range append(old, x.writer) {
		c.Close() // what it has to say, it said
	}
	x.writer = fresh.writer
	for range readers {
		x.readers <- <-fresh.readers
	}
	x.damaged.Store(false)
	return nil
}

func errClosed() error {
	return engine.Errorf(engine.CodeUnavailable, "the engine is shutting down; try again in a moment")
}

func (x *Index) failure(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*engine.Error](err); ok {
		return err
	}
	err = fmt.Errorf("%s: %w", what, err)
	switch {
	case ctx.Err() != nil:
		return engine.Unavailable(err, "The search took too long; narrow it, with a session, an agent group or rarer words.")
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		if !x.damaged.Swap(true) {
			x.log.Warn("the index of mail is damaged, and will be made anew", "file", x.path, "error", err)
		}
		return engine.Unavailable(err, "The index is damaged; the engine makes it anew, which takes a while.")
	case errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CANTOPEN):
		return engine.Unavailable(err, "The disk that holds the index cannot be read or written; the engine's log says why.")
	}
	return err
}
