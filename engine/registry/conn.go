package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ncruces/go-sqlite3"
)

// conn is a connection with its prepared statements. One goroutine at a time
// uses it.
type conn struct {
	*sqlite3.Conn
	prepared map[string]*sqlite3.Stmt
}

// pragmas are set on each connection before anything else is done with it: how
// long it waits comes first, so that the rest waits too.
const pragmas = `
PRAGMA busy_timeout = 5000;
PRAGMA foreign_keys = ON;
PRAGMA temp_store = MEMORY;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
`

func openConn(ctx context.Context, path string) (*conn, error) {
	db, err := sqlite3.OpenContext(ctx, path)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: db, prepared: map[string]*sqlite3.Stmt{}}
	if err := c.Exec(pragmas); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// openWriter opens the connection that makes, checks and migrates the file.
func openWriter(ctx context.Context, path string) (*conn, error) {
	c, err := openConn(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := prepareFile(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func prepareFile(c *conn) error {
	// Before the first change: the file may be somebody else's.
	version, err := identify(c)
	if err != nil {
		return err
	}
	// The file keeps it, so readers need not ask for it.
	mode, err := c.text(`PRAGMA journal_mode = WAL`)
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system does not support SQLite's write-ahead log (journal_mode is %q)", mode)
	}
	return migrate(c, version)
}

func openReader(ctx context.Context, path string) (*conn, error) {
	c, err := openConn(ctx, path)
	if err != nil {
		return nil, err
	}
	// The default cache of 2 MB does not hold the pages of a few thousand busy
	// sessions, and each page that it lacks costs a system call.
	if err := c.Exec(`PRAGMA query_only = ON; PRAGMA cache_size = -8192`); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *conn) close() error {
	for _, s := range c.prepared {
		s.Close() // repeats the error of its last run
	}
	return c.Conn.Close()
}

// each runs a statement and calls row for each row of its answer. The args are
// strings, *strings, ints, int64s, bools, bytes, asJSON and nil.
func (c *conn) each(sql string, row func(*sqlite3.Stmt) error, args ...any) (err error) {
	s := c.prepared[sql]
	if s == nil {
		if s, _, err = c.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT); err != nil {
			return err
		}
		c.prepared[sql] = s
	}
	// Ends the statement's read transaction also when row fails.
	defer s.Reset()
	for i, arg := range args {
		if err := bind(s, i+1, arg); err != nil {
			return err
		}
	}
	for s.Step() {
		if row == nil {
			continue
		}
		if err := row(s); err != nil {
			return err
		}
	}
	return s.Err()
}

func bind(s *sqlite3.Stmt, i int, arg any) error {
	switch v := arg.(type) {
	case string:
		return s.BindText(i, v)
	case *string:
		if v != nil {
			return s.BindText(i, *v)
		}
	case int:
		return s.BindInt64(i, int64(v))
	case int64:
		return s.BindInt64(i, v)
	case bool:
		return s.BindBool(i, v)
	case []byte:
		return s.BindBlob(i, v)
	case asJSON:
		return s.BindJSON(i, v.value)
	}
	return s.BindNull(i)
}

// asJSON is an argument that is stored as JSON text.
type asJSON struct{ value any }

// exec runs a statement for its effect and returns how many rows it changed.
func (c *conn) exec(sql string, args ...any) (int64, error) {
	err := c.each(sql, nil, args...)
	return c.Changes(), err
}

func (c *conn) exists(sql string, args ...any) (found bool, err error) {
	err = c.each(sql, func(*sqlite3.Stmt) error { found = true; return nil }, args...)
	return found, err
}

func (c *conn) number(sql string, args ...any) (n int64, err error) {
	err = c.each(sql, func(s *sqlite3.Stmt) error { n = s.ColumnInt64(0); return nil }, args...)
	return n, err
}

func (c *conn) text(sql string, args ...any) (t string, err error) {
	err = c.each(sql, func(s *sqlite3.Stmt) error { t = s.ColumnText(0); return nil }, args...)
	return t, err
}

// snapshot runs fn so that all its statements see one state.
func (c *conn) snapshot(fn func() error) (err error) {
	if _, err := c.exec(`BEGIN`); err != nil {
		return err
	}
	defer func() {
		// Not under the caller's context, whose end must not leave it open.
		c.SetInterrupt(context.Background())
		_, rerr := c.exec(`ROLLBACK`)
		err = errors.Join(err, rerr)
	}()
	return fn()
}

func optionalText(s *sqlite3.Stmt, col int) *string {
	raw := s.ColumnRawText(col)
	if raw == nil {
		return nil
	}
	t := string(raw)
	return &t
}

// restrict makes the database's files, where they are missing, and lets nobody
// but the owner read them.
func restrict(path string) error {
	for _, suffix := range [...]string{"", "-wal", "-shm"} {
		f, err := os.OpenFile(path+suffix, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		err = errors.Join(chmod(f), f.Close())
		if err != nil {
			return err
		}
	}
	return nil
}

func chmod(f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %w: not a regular file", f.Name(), fs.ErrInvalid)
	case info.Mode().Perm() == 0o600:
		return nil
	}
	return f.Chmod(0o600)
}
