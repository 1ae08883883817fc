package sessions

import (
	"context"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// outboundEnd is where the last look at a session's messages_out ended.
type outboundEnd struct {
	mark engine.OutboundMark
	// stamp is of a file in which nothing was behind the mark; zero where that
	// could stand for a later version, too.
	stamp fileStamp
}

// NewReplies reads what was not noted yet. See engine.Outboxes.
func (s *Store) NewReplies(ctx context.Context, sess engine.Session) (n engine.NewReplies, err error) {
	if end, ok := s.marks.Get(sess.ID); ok {
		stamp, err := s.outboundStamp(sess) // before it is read
		if err == nil && stamp == end.stamp {
			return n, nil
		}
		if s.nothingBehind(ctx, sess, end.mark) {
			if err == nil && time.Since(time.Unix(0, stamp.mtime)).Abs() > settled {
				s.marks.Add(sess.ID, outboundEnd{end.mark, stamp})
			}
			return n, nil
		}
	}
	err = s.read(ctx, sess, func(m *mailbox) error {
		n, err = m.newReplies(sess, s.opts.Limits.PageBytes)
		return err
	})
	return n, err
}

// nothingBehind is what most looks at a changed file find out, with one
// database open. What is in the way of that is left to those who open both.
func (s *Store) nothingBehind(ctx context.Context, sess engine.Session, mark engine.OutboundMark) (nothing bool) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	var failed error
	defer func() { nothing = nothing && failed == nil }()
	defer s.recoverPanic(sess, outboundName, &failed)
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-ctx.Done():
		return false
	}
	f, err := s.enter(sess)
	if err != nil {
		return false
	}
	defer f.close()
	c, err := s.look(ctx, sess, f, outboundName)
	if err != nil {
		return false
	}
	sound := false // not after a panic
	defer func() { s.detach(sess, f, outboundName, c, sound) }()
	rows, there := 0, false
	_, err = queryOne(c, func(r *row) { rows, there = int(r.integer(0, "count", 2)), r.integer(1, "there", 0) != 0 },
		`SELECT count(*), coalesce(max(rowid = ?1 AND `+column("id", maxText)+` = ?2), 0) FROM (SELECT rowid, id FROM box.messages_out WHERE rowid >= ?1 LIMIT 2)`,
		mark.RowID, mark.ReplyID)
	sound = err == nil
	return sound && rows == 1 && there
}
