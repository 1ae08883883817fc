package sessions

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// attach opens a database of a mounted folder, as "box", in an instance whose
// own database is an empty one in memory: one that was made for it before, if
// there is one. Statements that read and write rows need not say "box"; those
// that make tables or look at the schema do.
func (s *Store) attach(ctx context.Context, sess engine.Session, f *folder, name string, a access) (_ *sqlite3.Conn, err error) {
	c := s.idle.take(idleKey{sess.ID, name})
	if c == nil {
		if c, err = instance(ctx, ":memory:"); err != nil {
			return nil, err
		}
		if err = configure(ctx, c); err == nil {
			err = restrict(c)
		}
	}
	wait, mode, then := readTime, "ro", ""
	if a == readWrite {
		wait, mode, then = busyTimeout, "rw", "; PRAGMA box.synchronous = EXTRA"
	}
	if err == nil {
		c.SetInterrupt(ctx)
		err = c.BusyTimeout(wait)
	}
	if err == nil {
		err = c.Exec("ATTACH 'file:" + f.prefix + name + "?mode=" + mode + "&vfs=" + s.vfs.name + "' AS box" + then)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// look attaches a database for reading. What it sees stays until it is
// detached.
func (s *Store) look(ctx context.Context, sess engine.Session, f *folder, name string) (*sqlite3.Conn, error) {
	c, err := s.attach(ctx, sess, f, name, readOnly)
	if err != nil {
		return nil, err
	}
	if err = c.Exec("BEGIN"); err == nil {
		err = checkTables(c, "box")
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// detach closes a database that nobody writes. Its instance is kept if it is
// sound: nothing failed in it.
func (s *Store) detach(sess engine.Session, f *folder, name string, c *sqlite3.Conn, sound bool) {
	c.SetInterrupt(context.Background())
	sound = sound && f.dir.moved.Load() <= maxMoved
	if sound && !c.GetAutocommit() {
		sound = c.Exec("ROLLBACK") == nil
	}
	var err error
	if sound && c.Exec("DETACH box") == nil {
		err = s.idle.put(idleKey{sess.ID, name}, c)
	} else {
		err = c.Close()
	}
	if err != nil {
		s.log.Error("close a session's database", "session", sess.ID, "file", name, "error", err)
	}
}
