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

// openInbox attaches inbound.db for writing.
func (s *Store) openInbox(ctx context.Context, sess engine.Session, f *folder) (*inbox, error) {
	c, err := s.attach(ctx, sess, f, inboundName, readWrite)
	if err != nil {
		return nil, err
	}
	return &inbox{conn: c, statements: map[string]*sqlite3.Stmt{}, store: s, session: sess, folder: f}, nil
}

// close closes the database. A sound instance is kept for the next batch.
func (in *inbox) close(sound bool) {
	for _, st := range in.statements {
		sound = st.Close() == nil && sound
	}
	in.store.detach(in.session, in.folder, inboundName, in.conn, sound)
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
