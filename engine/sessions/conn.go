package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

const (
	// busyTimeout is the protocol's: how long one attempt waits for a lock.
	busyTimeout = 5 * time.Second
	// readTime bounds one read, whatever a container made of the database. It
	// is longer than a writer of ours waits for a container's lock: that long
	// the writer keeps readers out.
	readTime = 7 * time.Second
	// maxValueBytes is the longest value that is read from or written to a row.
	maxValueBytes = 64 << 20
	// maxMemory bounds what one connection's SQLite allocates.
	maxMemory = 192 << 20
)

type access bool

const (
	readOnly  access = false
	readWrite access = true
)

// connect opens a database of a mounted folder. ctx interrupts whatever the
// connection does until it is closed.
func (s *Store) connect(ctx context.Context, f *folder, name string, a access) (*sqlite3.Conn, error) {
	mode := "ro"
	if a == readWrite {
		mode = "rw"
	}
	c, err := instance(ctx, "file:"+f.prefix+name+"?mode="+mode+"&vfs="+s.vfs.name)
	if err != nil {
		return nil, fault(name, err)
	}
	err = configure(ctx, c)
	if err == nil && a == readOnly {
		err = c.BusyTimeout(readTime)
	}
	if err == nil && a == readWrite { // it reads the schema, which a hot journal forbids a reader
		if err = restrict(c); err == nil {
			err = c.Exec("PRAGMA synchronous = EXTRA")
		}
	}
	if err != nil {
		c.Close()
		return nil, fault(name, err)
	}
	return c, nil
}

// instance makes an SQLite with bounded memory; ctx interrupts the opening.
func instance(ctx context.Context, database string) (*sqlite3.Conn, error) {
	return sqlite3.OpenContext(sqlite3.WithMaxMemory(ctx, maxMemory), database)
}

// configure makes the connection safe to use on a database that someone else
// may have written: no triggers, no views, no functions with side effects in
// its schema, bounded values. Who writes also says "synchronous = EXTRA" of the
// database, so that a commit survives power loss: EXTRA also syncs the
// journal's removal, without which a power loss would bring the journal back,
// and take the commit with it.
func configure(ctx context.Context, c *sqlite3.Conn) error {
	c.SetInterrupt(ctx)
	c.Limit(sqlite3.LIMIT_LENGTH, maxValueBytes)
	// Of a schema, too: what is deeper overflows the parser's stack.
	c.Limit(sqlite3.LIMIT_SQL_LENGTH, 16<<10)
	c.Limit(sqlite3.LIMIT_EXPR_DEPTH, 100)
	c.Limit(sqlite3.LIMIT_COLUMN, 200)
	for _, option := range []struct {
		config sqlite3.DBConfig
		on     bool
	}{
		{sqlite3.DBCONFIG_ENABLE_TRIGGER, false},
		{sqlite3.DBCONFIG_ENABLE_VIEW, false},
		{sqlite3.DBCONFIG_TRUSTED_SCHEMA, false},
		{sqlite3.DBCONFIG_DEFENSIVE, true},
	} {
		if _, err := c.Config(option.config, option.on); err != nil {
			return err
		}
	}
	if err := c.BusyTimeout(busyTimeout); err != nil {
		return err
	}
	return c.Exec("PRAGMA temp_store = MEMORY")
}

// fault says in words that a client may see what is wrong with a session's
// folder. name is the file, or what was being done. Errors that have a code
// pass as they are.
func fault(name string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*engine.Error](err); ok {
		return err
	}
	unavailable := func(why string) error {
		return engine.Unavailable(fmt.Errorf("%s: %w", name, err), "%s", why)
	}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, sqlite3.FULL):
		return unavailable("the disk that holds the session is full; nothing was written; try again when there is room")
	case uncertain(err):
		return unavailable("the disk failed at the end of a write: whether it was kept is not known; repeat it with the same id")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, sqlite3.INTERRUPT):
		return unavailable(name + " of the session took too long to read or write; nothing was written")
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED):
		return unavailable(name + " of the session is locked by another program, perhaps its container; nothing was written")
	case errors.Is(err, errWAL):
		return unavailable(name + " of the session is in WAL mode; the protocol requires journal_mode=DELETE")
	case errors.Is(err, unix.ENOENT):
		return unavailable(name + " of the session is missing")
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENXIO),
		errors.Is(err, errNotRegular), errors.Is(err, errManyLinks):
		return unavailable(name + " of the session is not what its name says: not a regular file or directory of its own")
	case errors.Is(err, sqlite3.READONLY_ROLLBACK), errors.Is(err, sqlite3.READONLY_RECOVERY):
		return unavailable(name + " of the session has a journal that a killed writer left; it is rolled back when the container is marked STOPPED")
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS), errors.Is(err, sqlite3.READONLY), errors.Is(err, sqlite3.PERM):
		return unavailable("the engine may not read or write " + name + " of the session")
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return unavailable("the engine has too many files open; try again in a moment")
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return unavailable(name + " of the session is damaged, or not a database")
	}
	return unavailable(name + " of the session cannot be used: it is damaged, or not laid out as the protocol says")
}

var (
	errWAL = errors.New("the database is in WAL mode, which does not work across a mount")
)

// passing tells errors that have nothing to do with what a container made of
// its files: a lock that somebody holds, a full disk, a queue.
func passing(err error) bool {
	for _, e := range []error{sqlite3.BUSY, sqlite3.LOCKED, sqlite3.FULL, unix.ENOSPC, unix.EDQUOT, unix.EMFILE, unix.ENFILE,
		context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// uncertain tells errors of a commit that may have happened: the journal is
// gone, but the disk did not say that it is gone for good.
func uncertain(err error) bool {
	return errors.Is(err, sqlite3.IOERR_DIR_FSYNC) || errors.Is(err, sqlite3.IOERR_DELETE)
}

// damaged tells errors that may pass: a reader across a mount of a virtual
// machine sees half a commit and takes it for damage (lesson 12).
func damaged(err error) bool {
	return errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB)
}
