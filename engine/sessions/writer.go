package sessions

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// writer commits what callers want written to one session's inbound.db. Those
// who come while a batch is being written share the next one: one open, one
// transaction, one close. A lone caller waits for nobody. Its goroutine lives
// while there is something to write.
type writer struct {
	session engine.Session
	queue   []*operation
}

// operation is one caller's part of a batch. With an error from apply, nothing
// that it wrote stays; it may run again if it must be undone for another's.
type operation struct {
	apply func(*inbox) error
	err   error
	done  chan struct{}
}

// maxBatch bounds the operations that share a commit.
const maxBatch = 256

// do has apply applied and committed. It returns apply's own error, or one of
// CodeUnavailable when the queue is full, or when ctx or the queue's time is
// over before it is begun: then it will not be. What is begun is waited for.
func (s *Store) do(ctx context.Context, sess engine.Session, apply func(*inbox) error) error {
	return s.doAll(ctx, sess, []func(*inbox) error{apply})[0]
}

// doAll is do for several, in their order.
func (s *Store) doAll(ctx context.Context, sess engine.Session, applies []func(*inbox) error) []error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Limits.QueueTime)
	defer cancel()
	ops := s.enqueue(ctx, sess, applies)
	errs := make([]error, len(ops))
	for i, op := range ops {
		select {
		case <-op.done:
		case <-ctx.Done():
			s.withdraw(sess, op, ctx.Err())
			<-op.done
		}
		errs[i] = op.err
	}
	return errs
}

// enqueue returns an operation for each; those that cannot wait are done, with
// an error.
func (s *Store) enqueue(ctx context.Context, sess engine.Session, applies []func(*inbox) error) []*operation {
	ops := make([]*operation, len(applies))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, apply := range applies {
		op := &operation{apply: apply, done: make(chan struct{})}
		ops[i] = op
		w := s.writers[sess.ID]
		switch {
		case s.closed:
			op.err = engine.Errorf(engine.CodeUnavailable, "the engine is shutting down; nothing was written")
		case ctx.Err() != nil:
			op.err = tooLate(sess, ctx.Err())
		case w != nil && len(w.queue) >= s.opts.Limits.QueueLength:
			op.err = engine.Errorf(engine.CodeUnavailable, "session %s is busy: %d messages wait for its mailbox; nothing was written", sess.ID, len(w.queue))
		case w == nil:
			w = &writer{session: sess, queue: []*operation{op}}
			s.writers[sess.ID] = w
			s.running.Go(func() { s.write(w) })
		default:
			w.queue = append(w.queue, op)
		}
		if op.err != nil {
			close(op.done)
		}
	}
	return ops
}

func tooLate(sess engine.Session, cause error) error {
	return engine.Unavailable(cause, "session %s is busy: its mailbox could not be written in time; nothing was written", sess.ID)
}

// withdraw takes op out of the queue and ends it, unless it was begun already.
func (s *Store) withdraw(sess engine.Session, op *operation, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.writers[sess.ID]
	if w == nil {
		return
	}
	if i := slices.Index(w.queue, op); i >= 0 {
		w.queue = slices.Delete(slices.Clone(w.queue), i, i+1)
		op.err = tooLate(sess, cause)
		close(op.done)
	}
}

// take returns the next operations, at most n. Without any it returns nil,
// and with end set the writer is gone: the next caller makes a new one.
func (s *Store) take(w *writer, n int, end bool) []*operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = min(n, len(w.queue))
	if n == 0 {
		if end {
			delete(s.writers, w.session.ID)
		}
		return nil
	}
	ops := w.queue[:n:n]
	w.queue = w.queue[n:]
	return ops
}

func (s *Store) write(w *writer) {
	for {
		ops := s.take(w, maxBatch, true)
		if ops == nil {
			return
		}
		start := time.Now()
		ops, err := s.batch(w, ops)
		s.metrics.commit.Observe(time.Since(start).Seconds())
		s.metrics.batch.Observe(float64(len(ops)))
		for _, op := range ops {
			if err != nil {
				op.err = err
			}
			close(op.done)
		}
	}
}

// batch applies ops, and those that come meanwhile, in one transaction. It
// returns all that it began; with an error, all of them failed of it.
func (s *Store) batch(w *writer, ops []*operation) (begun []*operation, err error) {
	begun = ops
	defer func() {
		if p := recover(); p != nil {
			// SQLite is translated code that runs on a stranger's file: a
			// trap in it is that session's trouble alone.
			s.log.Error("panic while writing a session", "session", w.session.ID, "panic", p, "stack", string(debug.Stack()))
			err = fault(inboundName, fmt.Errorf("panic: %v", p))
		}
	}()
	end, err := s.intents.begin(intent{AgentGroup: w.session.AgentGroupID, Session: w.session.ID}, false)
	if err != nil {
		return begun, fault("the data directory", err)
	}
	defer end()
	f, err := s.enter(w.session)
	if err != nil {
		return begun, err
	}
	defer f.close()
	// Not the caller's context: it is everybody's transaction.
	ctx, cancel := context.WithTimeout(context.Background(), busyTimeout+readTime)
	defer cancel()
	in, err := s.openInbox(ctx, w.session, f)
	if err != nil {
		return begun, fault(inboundName, err)
	}
	defer func() { in.close(err == nil) }()
	if err := s.tidy(w.session, in); err != nil {
		return begun, err
	}
	for redo := true; redo && err == nil; {
		begun, redo, err = s.transact(w, in, begun)
	}
	return begun, fault(inboundName, err)
}

// transact applies those of ops that did not fail before, and those that come
// meanwhile, in one transaction. redo says that it was rolled back for one's
// sake, and is to be done again without that one.
func (s *Store) transact(w *writer, in *inbox, ops []*operation) (begun []*operation, redo bool, err error) {
	begun = ops
	tx, err := in.conn.BeginImmediate()
	if err != nil {
		return begun, false, err
	}
	defer tx.End(&err)
	in.lastSeq, in.size = -1, -1
	for {
		for _, op := range ops {
			if op.err != nil {
				continue
			}
			in.wrote = false
			op.err = op.apply(in)
			switch {
			case op.err == nil:
			case in.conn.GetAutocommit():
				// A full disk, say: SQLite has rolled back everybody's part.
				return begun, false, op.err
			case errors.Is(op.err, sqlite3.ERROR) && !in.upgraded:
				// It named what another host's folder lacks.
				in.upgraded, op.err = true, nil
				if err := tx.Rollback(); err != nil {
					return begun, false, err
				}
				return begun, true, in.upgrade()
			case in.wrote:
				op.err = fault(inboundName, op.err)
				return begun, true, tx.Rollback()
			default:
				op.err = fault(inboundName, op.err)
			}
		}
		if ops = s.take(w, maxBatch-len(begun), false); ops == nil {
			return begun, false, nil
		}
		begun = append(begun, ops...)
	}
}

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
		if c, err = sqlite3.Open(":memory:"); err != nil {
			return nil, err
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
