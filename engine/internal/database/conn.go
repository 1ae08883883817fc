// Package database is what the engine's own SQLite files have in common; those
// in sessions' folders are others' too, and opened otherwise.
package database

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"
)

// Conn is a connection with its prepared statements. One goroutine at a time
// uses it.
type Conn struct {
	*sqlite3.Conn
	prepared map[string]*sqlite3.Stmt
}

// Open opens a database and sets pragmas before anything else is done with it:
// how long it waits ought to come first, so that the rest waits too.
func Open(ctx context.Context, path, pragmas string) (*Conn, error) {
	db, err := sqlite3.OpenContext(ctx, path)
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: db, prepared: map[string]*sqlite3.Stmt{}}
	if err := c.Exec(pragmas); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Close ends the statements and closes the connection.
func (c *Conn) Close() error {
	for _, s := range c.prepared {
		s.Close() // repeats the error of its last run
	}
	return c.Conn.Close()
}

// Each runs a statement and calls row for each row of its answer. The args are
// strings, *strings, ints, int64s, bools, bytes, AsJSON and nil.
func (c *Conn) Each(sql string, row func(*sqlite3.Stmt) error, args ...any) (err error) {
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
	case *int64:
		if v != nil {
			return s.BindInt64(i, *v)
		}
	case bool:
		return s.BindBool(i, v)
	case []byte:
		return s.BindBlob(i, v)
	case AsJSON:
		return s.BindJSON(i, v.Value)
	}
	return s.BindNull(i)
}

// AsJSON is an argument that is stored as JSON text.
type AsJSON struct{ Value any }

// Run runs a statement for its effect and returns how many rows it changed.
func (c *Conn) Run(sql string, args ...any) (int64, error) {
	err := c.Each(sql, nil, args...)
	return c.Changes(), err
}

// Exists tells whether a statement answers a row.
func (c *Conn) Exists(sql string, args ...any) (found bool, err error) {
	err = c.Each(sql, func(*sqlite3.Stmt) error { found = true; return nil }, args...)
	return found, err
}

// Number is the first column of the last row, 0 if there is none.
func (c *Conn) Number(sql string, args ...any) (n int64, err error) {
	err = c.Each(sql, func(s *sqlite3.Stmt) error { n = s.ColumnInt64(0); return nil }, args...)
	return n, err
}

// Text is the first column of the last row, "" if there is none.
func (c *Conn) Text(sql string, args ...any) (t string, err error) {
	err = c.Each(sql, func(s *sqlite3.Stmt) error { t = s.ColumnText(0); return nil }, args...)
	return t, err
}

// Snapshot runs fn so that all its statements see one state.
func (c *Conn) Snapshot(fn func() error) (err error) {
	if _, err := c.Run(`BEGIN`); err != nil {
		return err
	}
	defer func() {
		// Not under the caller's context, whose end must not leave it open.
		c.SetInterrupt(context.Background())
		_, rerr := c.Run(`ROLLBACK`)
		err = errors.Join(err, rerr)
	}()
	return fn()
}

// OptionalText is nil for NULL.
func OptionalText(s *sqlite3.Stmt, col int) *string {
	raw := s.ColumnRawText(col)
	if raw == nil {
		return nil
	}
	t := string(raw)
	return &t
}
