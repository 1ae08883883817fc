package sessions

import (
	"context"
	"math"
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
		if n, ok := s.behind(ctx, sess, end.mark); ok {
			if err == nil && !n.Mark.Moved && time.Since(time.Unix(0, stamp.mtime)).Abs() > settled {
				s.marks.Add(sess.ID, outboundEnd{end.mark, stamp})
			}
			return n, nil
		}
	}
	err = s.read(ctx, sess, func(m *mailbox) error {
		n, err = m.newReplies(sess, s.opts.Limits.PageBytes)
		return err
	})
	n.Stirred = true
	return n, err
}

// behind is what most looks at a changed file find out, with one database
// open. What is in the way of that is left to those who open both.
func (s *Store) behind(ctx context.Context, sess engine.Session, mark engine.OutboundMark) (n engine.NewReplies, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	var failed error
	defer func() { ok = ok && failed == nil }()
	defer s.recoverPanic(sess, outboundName, &failed)
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-ctx.Done():
		return n, false
	}
	f, err := s.enter(sess)
	if err != nil {
		return n, false
	}
	defer f.close()
	c, err := s.look(ctx, sess, f, outboundName)
	if err != nil {
		return n, false
	}
	sound := false // not after a panic
	defer func() { s.detach(sess, f, outboundName, c, sound) }()
	m := &mailbox{outbound: c}
	rows, there, last := 0, false, false
	_, err = queryOne(c, func(r *row) {
		rows, there, last = int(r.integer(0, "count", 2)), r.integer(1, "there", 0) != 0, r.integer(2, "last", 1) != 0
	}, `SELECT count(*), coalesce(max(rowid = ?1 AND `+column("id", maxText)+` = ?2), 0), EXISTS (SELECT 1 FROM box.messages_out WHERE rowid = ?3)
		FROM (SELECT rowid, id FROM box.messages_out WHERE rowid >= ?1 LIMIT 2)`, mark.RowID, mark.ReplyID, int64(math.MaxInt64))
	ok = err == nil && there && !last // see mailbox.mark
	if ok && rows > 1 {
		n, err = m.repliesBehind(sess, mark.RowID, nil, s.opts.Limits.PageBytes)
	}
	if err == nil {
		n.Stirred = !s.watcher.waitingSame(sess, m)
	}
	sound = err == nil
	return n, ok && sound
}
