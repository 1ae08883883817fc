package sessions

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// ContainerStarting makes the folder ready. See engine.Containers.
func (s *Store) ContainerStarting(ctx context.Context, sess engine.Session, p engine.Projection) error {
	// Opening inbound.db for writing rolls back a hot journal of ours.
	err := s.do(ctx, sess, func(in *inbox) error {
		// A predecessor's heartbeat would make the new container look dead (lesson 30).
		if err := in.folder.dir.removeAll(heartbeatName); err != nil {
			return fault(heartbeatName, err)
		}
		return s.project(in, p)
	})
	if err == nil {
		s.watcher.running(sess, true)
	}
	return err
}

// ContainerGone tidies after a container. See engine.Containers.
func (s *Store) ContainerGone(ctx context.Context, sess engine.Session) error {
	s.watcher.running(sess, false)
	err := s.tidyGone(ctx, sess)
	if err == nil || passing(err) {
		return err
	}
	// It is gone all the same. What it did to its files shows in what is read
	// of them, and must not keep its operator from saying so.
	s.log.Warn("tidy after a container", "session", sess.ID, "error", err)
	return nil
}

// tidyGone counts what the container died over before it forgets that it did:
// a crash in between has it done again.
func (s *Store) tidyGone(ctx context.Context, sess engine.Session) error {
	if err := s.afterContainer(ctx, sess, func(*sqlite3.Conn) error { return nil }); err != nil {
		return err
	}
	r, err := s.settle(ctx, sess)
	if err == nil && len(r.claims) > 0 {
		err = s.countTries(ctx, sess, r)
	}
	if err != nil {
		return err
	}
	return s.releaseClaims(ctx, sess)
}

// releaseClaims deletes orphaned claims, which would make the next container
// look stuck (lesson 31).
func (s *Store) releaseClaims(ctx context.Context, sess engine.Session) error {
	return s.afterContainer(ctx, sess, func(c *sqlite3.Conn) error {
		has, err := hasTable(c, "processing_ack")
		if err != nil || !has {
			return err
		}
		return c.Exec(`DELETE FROM processing_ack WHERE status = 'processing'`)
	})
}

// afterContainer changes outbound.db in a transaction. Opening it for writing,
// which only the container's end allows, rolls back what a kill of the
// container left.
func (s *Store) afterContainer(ctx context.Context, sess engine.Session, change func(*sqlite3.Conn) error) (err error) {
	defer s.recoverPanic(sess, outboundName, &err)
	ctx, cancel := context.WithTimeout(ctx, busyTimeout+readTime)
	defer cancel()
	f, err := s.enter(sess)
	if err != nil {
		return err
	}
	defer f.close()
	c, err := s.connect(ctx, f, outboundName, readWrite)
	if err != nil {
		return err
	}
	defer c.Close()
	return fault(outboundName, inTransaction(c, change))
}

func inTransaction(c *sqlite3.Conn, change func(*sqlite3.Conn) error) (err error) {
	tx, err := c.BeginImmediate()
	if err != nil {
		return err
	}
	defer tx.End(&err)
	if err := checkTables(c, "main"); err != nil {
		return err
	}
	return change(c)
}

// Recover looks after a session whose container may be running while the
// engine was not. See engine.Containers.
func (s *Store) Recover(ctx context.Context, sess engine.Session) error {
	if err := s.do(ctx, sess, func(*inbox) error { return nil }); err != nil {
		return err
	}
	s.watcher.running(sess, true)
	return nil
}

// Heartbeat is the heartbeat file's time. See engine.Containers.
func (s *Store) Heartbeat(_ context.Context, sess engine.Session) (*time.Time, error) {
	t, err := s.heartbeat(sess)
	if err != nil || t == nil {
		return nil, err
	}
	if now := s.opts.Now(); t.After(now) {
		t = &now // the container sets it as it likes
	}
	return new(t.UTC().Truncate(time.Millisecond)), nil
}
