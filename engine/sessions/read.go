package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// mailbox is a session's two databases, open for reading. outbound is nil
// where it cannot be read; then outboundErr says why.
type mailbox struct {
	inbound, outbound *sqlite3.Conn
	outboundErr       error
}

// maxReading bounds the mailboxes that are read at one time: a hostile one may
// make SQLite take its maxMemory.
const maxReading = 32

// read opens a session's databases for one read that is over in bounded time,
// and closes them: across a mount, a connection that stays open keeps an old
// view. What looks damaged is looked at twice.
func (s *Store) read(ctx context.Context, sess engine.Session, look func(*mailbox) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	err := s.readOnce(ctx, sess, look)
	switch {
	case damaged(err):
		err = s.readOnce(ctx, sess, look)
	case errors.Is(err, errOwnJournal):
		// A kill of the engine left it, and the first write rolls it back.
		if err = s.do(ctx, sess, func(*inbox) error { return nil }); err == nil {
			err = s.readOnce(ctx, sess, look)
		}
	case errors.Is(err, sqlite3.ERROR):
		// Another host made it, without the newer tables and columns.
		if s.do(ctx, sess, (*inbox).upgrade) == nil {
			err = s.readOnce(ctx, sess, look)
		}
	}
	return err
}

var errOwnJournal = errors.New("inbound.db has a hot journal")

func (s *Store) readOnce(ctx context.Context, sess engine.Session, look func(*mailbox) error) (err error) {
	defer s.recoverPanic(sess, "the mailbox", &err)
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-ctx.Done():
		return engine.Unavailable(ctx.Err(), "the engine reads as many mailboxes as it may at one time; try again in a moment")
	}
	f, err := s.enter(sess)
	if err != nil {
		return err
	}
	defer f.close()
	var m mailbox
	if m.inbound, err = s.look(ctx, sess, f, inboundName); err != nil {
		if errors.Is(err, sqlite3.READONLY_ROLLBACK) {
			err = errors.Join(errOwnJournal, err)
		}
		return fault(inboundName, err)
	}
	sound := false // not after a panic
	defer func() { s.detach(sess, f, inboundName, m.inbound, sound) }()
	if m.outbound, err = s.look(ctx, sess, f, outboundName); err == nil {
		defer func() { s.detach(sess, f, outboundName, m.outbound, sound) }()
	}
	m.outboundErr = fault(outboundName, err)
	err = look(&m)
	sound = err == nil
	return fault("the mailbox", err)
}

// hotJournal makes the first read of a database, which tells whether it can
// be read at all, and keeps what it sees until the connection is closed.
func hotJournal(c *sqlite3.Conn) error {
	if err := c.Exec("BEGIN"); err != nil {
		return err
	}
	return checkTables(c, "main")
}

// column is an expression that reads a column of at most max bytes, and NULL
// in place of a longer one: one row must not keep the others from being read.
func column(name string, max int) string {
	return fmt.Sprintf(`CASE WHEN octet_length(%[1]s) <= %[2]d THEN %[1]s END`, name, max)
}

// maxText is the longest text that is read, other than content, in bytes.
const maxText = 64 << 10

// row reads columns of unknown types and notes what is wrong with them.
type row struct {
	st      *sqlite3.Stmt
	problem string
}

func (r *row) wrong(format string, args ...any) {
	if r.problem == "" {
		r.problem = fmt.Sprintf(format, args...)
	}
}

// text returns nil for NULL.
func (r *row) text(i int) *string {
	if r.st.ColumnType(i) == sqlite3.NULL {
		return nil
	}
	s := r.st.ColumnText(i)
	return &s
}

// must returns "" for NULL, and says so.
func (r *row) must(i int, name string) string {
	if s := r.text(i); s != nil {
		return *s
	}
	r.wrong("%s is missing or too long", name)
	return ""
}

func (r *row) integer(i int, name string, otherwise int64) int64 {
	if r.st.ColumnType(i) == sqlite3.INTEGER {
		return r.st.ColumnInt64(i)
	}
	if r.st.ColumnType(i) != sqlite3.NULL {
		r.wrong("%s is not an integer", name)
	}
	return otherwise
}

// seq is nil unless it is a valid sequence number.
func (r *row) seq(i int) *int64 {
	if r.st.ColumnType(i) == sqlite3.INTEGER {
		if seq := r.st.ColumnInt64(i); seq > 0 && seq <= maxSeq+1 {
			return &seq
		}
	}
	r.wrong("seq is missing or not a valid sequence number")
	return nil
}

func (r *row) problems() *string {
	if r.problem == "" {
		return nil
	}
	return &r.problem
}

// time is nil for NULL and for what cannot be read as a time, which it notes.
func (r *row) time(i int, name string) *time.Time {
	s := r.text(i)
	if s == nil {
		return nil
	}
	t, err := engine.ParseTime(*s)
	if err != nil {
		r.wrong("%s is not a time", name)
		return nil
	}
	return &t
}
