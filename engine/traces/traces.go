// Package traces is the database of what hooks did to messages and replies,
// traces.db. It is an observation: what a crash loses of it is not known any
// more, and it may be deleted while no engine runs.
package traces

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

//go:embed schema.sql
var schema string

const (
	// applicationID marks a file as one of ours ("TwTr").
	applicationID = 0x54775472
	// fileVersion is that of the schema, and of what is in a chunk.
	fileVersion = 3

	// A crash of the machine may cost what was stored last; it never damages the
	// file.
	pragmas = `
PRAGMA busy_timeout = 5000;
PRAGMA temp_store = MEMORY;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -2048;
`
	defaultBytes = 256 << 20
	defaultAge   = 30 * 24 * time.Hour
)

// Options of Open.
type Options struct {
	// Bytes bounds the file, about; 0 is 256 MiB. What is oldest goes first.
	Bytes int64
	// Age is how long traces are kept; 0 is 30 days.
	Age time.Duration
	// Log gets what an operator should know; nil discards it.
	Log *slog.Logger
}

// Traces is an open traces.db. Its methods may be called concurrently.
type Traces struct {
	bytes   int64
	age     time.Duration
	waiting waiting
	// storing is held while what waits is stored, or what is stored forgotten,
	// before mu.
	storing sync.Mutex

	mu     sync.Mutex // guards conn and closed
	conn   *database.Conn
	closed bool
}

var _ engine.HookTraces = (*Traces)(nil)

// Open opens the file at path. One that is damaged, of another version or not
// there is made anew. The caller sees to it that no other process has it open,
// and calls Close.
func Open(ctx context.Context, path string, o Options) (*Traces, error) {
	path, err := filepath.Abs(path) // SQLite takes "file:..." for a URI
	if err != nil {
		return nil, err
	}
	conn, err := open(ctx, path)
	if err != nil && ctx.Err() == nil {
		cmp.Or(o.Log, slog.New(slog.DiscardHandler)).Warn("what hooks did to messages cannot be read, and is forgotten", "file", path, "error", err)
		if err = Remove(path); err == nil {
			conn, err = open(ctx, path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &Traces{bytes: cmp.Or(o.Bytes, defaultBytes), age: cmp.Or(o.Age, defaultAge), conn: conn}, nil
}

// Remove removes the files of a traces.db.
func Remove(path string) error {
	var errs []error
	for _, suffix := range [...]string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func open(ctx context.Context, path string) (_ *database.Conn, err error) {
	if err := database.Restrict(path); err != nil {
		return nil, err
	}
	c, err := database.Open(ctx, path, pragmas)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	c.SetInterrupt(context.Background())
	id, err := c.Number(`PRAGMA application_id`)
	if err != nil {
		return nil, err
	}
	tables, err := c.Number(`SELECT count(*) FROM sqlite_schema`)
	if err != nil {
		return nil, err
	}
	if id == 0 && tables == 0 {
		return c, create(c, path)
	}
	v, err := c.Number(`PRAGMA user_version`)
	if err == nil && (id != applicationID || v != fileVersion) {
		err = fmt.Errorf("it has version %d of application %x", v, id)
	}
	if err == nil { // what is damaged elsewhere shows when it is used
		_, err = c.Number(`SELECT max(n) FROM chunks`)
	}
	return c, err
}

func create(c *database.Conn, path string) error {
	mode, err := c.Text(`PRAGMA journal_mode = WAL`)
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system does not support SQLite's write-ahead log (journal_mode is %q)", mode)
	}
	if err := c.Exec("BEGIN;" + schema + fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", applicationID, fileVersion)); err != nil {
		return err
	}
	return database.Restrict(path) // SQLite made files of its own
}

// Close waits for what was begun. What is called afterwards fails with
// CodeUnavailable. It may be called more than once.
func (t *Traces) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	return t.conn.Close()
}

// do runs fn, in a transaction if it writes.
func (t *Traces) do(ctx context.Context, what string, writes bool, fn func(*database.Conn) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return engine.Errorf(engine.CodeUnavailable, "the engine is shutting down; try again in a moment")
	}
	t.conn.SetInterrupt(ctx)
	defer t.conn.SetInterrupt(context.Background())
	err := error(nil)
	if writes {
		err = transact(t.conn, fn)
	} else {
		err = fn(t.conn)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", what, err)
	switch {
	case ctx.Err() != nil, errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CANTOPEN):
		return engine.Unavailable(err, "What hooks did to messages cannot be read or written now; the engine's log says why.")
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return engine.Unavailable(err, "The file of what hooks did to messages is damaged: stop the engine, remove traces.db and start it again.")
	}
	return err
}

func transact(c *database.Conn, fn func(*database.Conn) error) error {
	_, err := c.Run(`BEGIN IMMEDIATE`)
	if err != nil {
		return err
	}
	if err = fn(c); err == nil {
		_, err = c.Run(`COMMIT`)
	}
	if err != nil && !c.GetAutocommit() {
		c.SetInterrupt(context.Background())
		_, rerr := c.Run(`ROLLBACK`)
		err = errors.Join(err, rerr)
	}
	return err
}
