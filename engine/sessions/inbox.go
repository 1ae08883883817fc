package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// inbox is an open inbound.db in a transaction.
type inbox struct {
	conn       *sqlite3.Conn
	statements map[string]*sqlite3.Stmt
	store      *Store
	session    engine.Session
	folder     *folder
	upgraded   bool
	wrote      bool // the operation at hand changed something

	// Of the transaction, known once lastSeq or size is not -1.
	lastSeq  int64
	size     int64 // of inbound.db, in bytes
	attached int64 // bytes of attachments
}

// openInbox attaches inbound.db, as "box", to an instance whose own database is
// an empty one in memory. Statements that read and write rows need not say so;
// those that make tables or look at the schema do.
func (s *Store) openInbox(ctx context.Context, sess engine.Session, f *folder) (_ *inbox, err error) {
	c := s.idle.take(sess.ID)
	if c == nil {
		if c, err = instance(ctx, ":memory:"); err != nil {
			return nil, err
		}
		if err := restrict(c); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	in := &inbox{conn: c, statements: map[string]*sqlite3.Stmt{}, store: s, session: sess, folder: f}
	err = configure(ctx, c)
	if err == nil {
		err = c.Exec("ATTACH 'file:" + f.prefix + inboundName + "?mode=rw&vfs=" + s.vfs.name + "' AS box; PRAGMA box.synchronous = EXTRA")
	}
	if err != nil {
		in.close(false)
		return nil, err
	}
	return in, nil
}

// close closes the database. A sound instance is kept for the next batch.
func (in *inbox) close(sound bool) {
	var errs []error
	for _, st := range in.statements {
		errs = append(errs, st.Close())
	}
	in.conn.SetInterrupt(context.Background())
	if sound {
		errs = append(errs, in.conn.Exec("DETACH box"))
	}
	if err := errors.Join(errs...); sound && err == nil {
		errs = []error{in.store.idle.put(in.session.ID, in.conn)}
	} else {
		errs = []error{err, in.conn.Close()}
	}
	if err := errors.Join(errs...); err != nil && sound {
		in.store.log.Error("close a session's mailbox", "session", in.session.ID, "error", err)
	}
}

// prepare returns a statement that is prepared once for each batch.
func (in *inbox) prepare(sql string) (*sqlite3.Stmt, error) {
	if st := in.statements[sql]; st != nil {
		return st, nil
	}
	st, _, err := in.conn.Prepare(sql)
	if err != nil {
		return nil, err
	}
	in.statements[sql] = st
	return st, nil
}

func (in *inbox) exec(sql string, args ...any) error {
	st, err := in.prepare(sql)
	if err != nil {
		return err
	}
	if err := bind(st, args); err != nil {
		return err
	}
	for st.Step() {
	}
	if err := errors.Join(st.Err(), st.Reset()); err != nil {
		return err
	}
	in.wrote = true
	return nil
}

// queryRow calls scan with the first row, if there is one.
func (in *inbox) queryRow(scan func(*sqlite3.Stmt), sql string, args ...any) (found bool, err error) {
	st, err := in.prepare(sql)
	if err != nil {
		return false, err
	}
	if err := bind(st, args); err != nil {
		return false, err
	}
	if found = st.Step(); found {
		scan(st)
	}
	return found, errors.Join(st.Err(), st.Reset())
}

func bind(st *sqlite3.Stmt, args []any) error {
	for i, a := range args {
		var err error
		switch v := a.(type) {
		case nil:
			err = st.BindNull(i + 1)
		case string:
			err = st.BindText(i+1, v)
		case *string:
			if v == nil {
				err = st.BindNull(i + 1)
			} else {
				err = st.BindText(i+1, *v)
			}
		case *time.Time:
			if v == nil {
				err = st.BindNull(i + 1)
			} else {
				err = st.BindText(i+1, engine.FormatTime(*v))
			}
		case time.Time:
			err = st.BindText(i+1, engine.FormatTime(v))
		case []byte:
			err = st.BindBlob(i+1, v)
		case int64:
			err = st.BindInt64(i+1, v)
		case bool:
			err = st.BindBool(i+1, v)
		default:
			err = fmt.Errorf("cannot bind a %T", a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
