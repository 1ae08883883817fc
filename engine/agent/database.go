package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
)

const (
	inboundName  = "inbound.db"
	outboundName = "outbound.db"

	busyTimeout = 5 * time.Second
	// maxValueBytes is the longest value that is read from a row.
	maxValueBytes = 64 << 20
)

// use opens a database, works on it and closes it: a reader on the other side
// of a mount would otherwise keep an old page cache. What looks like damage is
// tried on a fresh connection before it is believed (lesson 12). work may
// therefore run twice, and must begin anew each time.
func (a *agent) use(name string, work func(*sqlite3.Conn) error) error {
	err := a.useOnce(name, work)
	if damaged(err) {
		err = a.useOnce(name, work)
	}
	return explain(name, err)
}

func damaged(err error) bool {
	return errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB) || errors.Is(err, sqlite3.IOERR)
}

func (a *agent) useOnce(name string, work func(*sqlite3.Conn) error) (err error) {
	flags := sqlite3.OPEN_READONLY
	if name == outboundName {
		flags = sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE
	}
	// To open a FIFO would block. The file may change before SQLite opens it,
	// but then by someone who could as well send the agent a signal.
	if st, err := a.root.Lstat(name); err == nil && !st.Mode().IsRegular() {
		return &os.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	c, err := sqlite3.OpenFlags(filepath.Join(a.dir, name), flags|sqlite3.OPEN_NOFOLLOW)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := configure(c, name); err != nil {
		return err
	}
	return work(c)
}

var errNotRegular = errors.New("not a regular file")

// configure: EXTRA also syncs the removal of the journal, without which a
// power loss would bring it back, and take an acknowledged commit with it.
func configure(c *sqlite3.Conn, name string) error {
	if err := c.BusyTimeout(busyTimeout); err != nil {
		return err
	}
	if name == inboundName {
		c.Limit(sqlite3.LIMIT_LENGTH, maxValueBytes)
		return c.Exec("PRAGMA trusted_schema = OFF")
	}
	return c.Exec("PRAGMA trusted_schema = OFF; PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA")
}

// explain adds what a person can do about it.
func explain(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sqlite3.READONLY_ROLLBACK):
		return fmt.Errorf("%s has a journal that a killed writer left; only the engine may roll it back: %w", name, err)
	case errors.Is(err, sqlite3.CANTOPEN), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is missing or cannot be opened: %w", name, err)
	case errors.Is(err, sqlite3.BUSY):
		return fmt.Errorf("%s is locked by another program: %w", name, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// signature tells whether a database was written since it was last looked at,
// without opening it.
type signature struct {
	inbound, outbound fileSignature
}

type fileSignature struct {
	info os.FileInfo
}

func (a *agent) signature() signature {
	var s signature
	// A file that is missing has no info; opening it will tell why.
	s.inbound.info, _ = a.root.Lstat(inboundName)
	s.outbound.info, _ = a.root.Lstat(outboundName)
	return s
}

func (s signature) same(o signature) bool {
	return s.inbound.same(o.inbound) && s.outbound.same(o.outbound)
}

func (s fileSignature) same(o fileSignature) bool {
	return s.info != nil && o.info != nil && os.SameFile(s.info, o.info) &&
		s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime())
}

// settled reports whether a write after the signature was taken would show:
// clocks of file systems are coarse, and a second write may bear the first's time.
func (s signature) settled(now time.Time) bool {
	for _, f := range []fileSignature{s.inbound, s.outbound} {
		if f.info == nil || now.Sub(f.info.ModTime()).Abs() < 2*time.Second {
			return false
		}
	}
	return true
}
