package sessions

import (
	"context"
	"errors"
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
	// enough is told when the queue has want operations; 0 is nobody waits.
	enough chan struct{}
	want   int
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

const (
	// maxGather bounds how long a batch waits for more to share it.
	maxGather = 4 * time.Millisecond
	// gatherGaps is how often within its time it looks whether more are coming.
	gatherGaps = 8
)

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
			w = &writer{session: sess, queue: []*operation{op}, enough: make(chan struct{}, 1)}
			s.writers[sess.ID] = w
			s.running.Go(func() { s.write(w) })
		default:
			w.queue = append(w.queue, op)
			if len(w.queue) == w.want {
				w.want = 0
				w.enough <- struct{}{}
			}
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
		took := time.Since(start)
		s.metrics.commit.Observe(took.Seconds())
		s.metrics.batch.Observe(float64(len(ops)))
		for _, op := range ops {
			if err != nil {
				op.err = err
			}
			close(op.done)
		}
		s.gather(w, len(ops), took)
	}
}

// gather gives those who were just answered a moment to come back with their
// next message: else whoever is first gets a commit of its own while all others
// wait for it. It waits until they are all there, at most as long as the batch
// took, and no longer once nobody comes for an eighth of that. After a batch of
// fewer than four, nobody is waited for.
func (s *Store) gather(w *writer, answered int, took time.Duration) {
	if answered < 4 {
		return
	}
	limit := min(took, maxGather)
	gap := time.NewTicker(max(limit/gatherGaps, 1))
	defer gap.Stop()
	for end, came := time.Now().Add(limit), -1; ; {
		s.mu.Lock()
		n := len(w.queue)
		if n >= answered || n == came || !time.Now().Before(end) {
			w.want = 0
			s.mu.Unlock()
			break
		}
		came, w.want = n, answered
		s.mu.Unlock()
		select {
		case <-w.enough:
			return
		case <-gap.C:
		}
	}
	select {
	case <-w.enough: // told at the last moment
	default:
	}
}

// batch applies ops, and those that come meanwhile, in one transaction. It
// returns all that it began; with an error, all of them failed of it.
func (s *Store) batch(w *writer, ops []*operation) (begun []*operation, err error) {
	begun = ops
	defer s.recoverPanic(w.session, inboundName, &err)
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
	sound := false // not after a panic
	defer func() { in.close(sound) }()
	if err := s.tidy(w.session, in); err != nil {
		return begun, err
	}
	for redo := true; redo && err == nil; {
		begun, redo, err = s.transact(w, in, begun)
	}
	sound = err == nil
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
	if err := checkTables(in.conn, "box"); err != nil {
		return begun, false, err
	}
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
