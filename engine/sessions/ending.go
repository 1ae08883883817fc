package sessions

import (
	"context"
	"errors"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// ending is a message that is to end, or a series whose last occurrence has.
type ending struct {
	id     string
	was    string // its status in inbound.db when it was looked at
	status string // what it is to be: completed, failed or cancelled
	// reason is why the engine ends it; "" the container did.
	reason string
	at     time.Time // when its run ended
	recurs bool
}

// claim is a message that the container works on, or died over.
type claim struct {
	id     string
	at     string // when it was claimed, as the container wrote it
	tries  int64
	recurs bool
}

// round is one look at what becomes of a session's messages.
type round struct {
	now     time.Time
	endings []ending
	claims  []claim
	pending int       // messages that wait or are worked on after that
	waiting waiting   // what these are
	next    time.Time // when to look again, whatever the container does; zero is never
}

const (
	// maxAcks bounds the endings of one round.
	maxAcks = 4096
	// maxRounds bounds the rounds of one settling.
	maxRounds = 64
	// settleRetry is when to look again at what could not be settled.
	settleRetry = 10 * time.Second
)

// again has the session looked at again at t, if not sooner.
func (r *round) again(t time.Time) {
	if r.next.IsZero() || t.Before(r.next) {
		r.next = t
	}
}

func (r *round) end(e ending) {
	if len(r.endings) == maxAcks {
		r.again(r.now)
		r.pending++
		return
	}
	r.endings = append(r.endings, e)
}

const waitingColumns = `"trigger", on_wake, process_after, seq, tries, status FROM messages_in WHERE status = `

var waitingSQL = "SELECT " + column("id", maxText) + ", " + column("recurrence", maxText) + ", " + column("kind", maxText) + ", " + waitingColumns

// look finds what has ended, and what is to.
func (m *mailbox) look(now time.Time, spent time.Duration) (round, error) {
	r := round{now: now, waiting: waiting{since: time.Now()}}
	acks := m.acks()
	defer acks.close()
	if acks.err != nil {
		return r, acks.err
	}
	sql := waitingSQL + "'pending'"
	paused, err := queryOne(m.inbound, func(*row) {}, `SELECT 1 FROM box.sqlite_schema WHERE type = 'index' AND name = 'engine_paused'`)
	if err != nil {
		return r, err
	}
	if paused {
		sql += " UNION ALL " + waitingSQL + "'paused'"
	}
	unread, err := m.waitingRows(&r, acks, sql)
	if err == nil {
		err = m.spent(&r, acks, unread, spent)
	}
	if err == nil {
		err = m.runs(&r, acks)
	}
	return r, err
}

// waitingRows looks at messages that are not known to have ended. It returns
// those that nobody may ever acknowledge.
func (m *mailbox) waitingRows(r *round, acks *acks, sql string) (unread []unreadRow, err error) {
	st, _, err := m.inbound.Prepare(sql)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	for st.Step() {
		row := &row{st: st}
		id, status := row.or(0), row.or(8)
		found, err := acks.look(id)
		if err != nil {
			return nil, err
		}
		recurs := row.or(1) != ""
		r.waiting.add(id, found)
		switch {
		case found.ended():
			r.end(ending{id: id, was: status, status: found.status, at: found.at(r.now), recurs: recurs})
			continue
		case found.status == "processing" && len(r.claims) < maxAcks:
			r.claims = append(r.claims, claim{id: id, at: found.changed, tries: row.integer(7, "tries", 0), recurs: recurs})
		case status == "paused":
			continue
		case found.status == "" && row.integer(4, "on_wake", 0) == 0 && (row.or(2) == "system" || row.integer(3, "trigger", 1) == 0):
			after := row.time(5, "process_after")
			if seq := row.seq(6); seq != nil && (after == nil || !after.After(r.now)) && len(unread) < maxAcks {
				unread = append(unread, unreadRow{id: id, seq: *seq, recurs: recurs})
			}
		}
		r.pending++
	}
	return unread, st.Err()
}

// settle brings a session's messages on. It copies acknowledgements: some
// containers read the newest due rows first and only then drop what is
// acknowledged, so rows that stay pending would starve older ones (lesson 16).
// What recurs gets its next occurrence, and what nobody reads is completed.
func (s *Store) settle(ctx context.Context, sess engine.Session) (r round, err error) {
	again := true
	for n := 0; again && err == nil && n < maxRounds; n++ {
		err = s.read(ctx, sess, func(m *mailbox) (err error) {
			r, err = m.look(s.opts.Now().UTC(), s.opts.Limits.SpentAge)
			return err
		})
		if err != nil {
			return r, err
		}
		again, err = s.end(ctx, sess, &r, r.endings)
	}
	if again {
		r.again(r.now.Add(settleRetry))
	}
	s.later.set(sess, r.next)
	if len(r.endings) > 0 {
		s.watcher.forgetWaiting(sess.ID) // others may follow them
		r.waiting = waiting{}
	}
	return r, err
}

// end ends messages. again says that there may be more to end.
func (s *Store) end(ctx context.Context, sess engine.Session, r *round, endings []ending) (again bool, err error) {
	var plain []ending
	for _, e := range endings {
		if !e.recurs {
			plain = append(plain, e)
		}
	}
	if len(plain) > 0 {
		if err := s.endPlain(ctx, sess, plain); err != nil {
			return true, err
		}
	}
	again = len(endings) == maxAcks
	for _, e := range endings {
		if !e.recurs {
			continue
		}
		switch done, failed := s.endOccurrence(ctx, sess, e); {
		case failed != nil:
			// The others need not wait for it.
			err = errors.Join(err, failed)
			again = true
		case done:
			again = true
		default:
			r.pending++
			r.again(r.now.Add(settleRetry))
		}
	}
	return again, err
}

func (s *Store) endPlain(ctx context.Context, sess engine.Session, endings []ending) error {
	var done []ending
	err := s.do(ctx, sess, func(in *inbox) error {
		done = done[:0]
		for _, e := range endings {
			err := in.exec(`UPDATE messages_in SET status = ? WHERE id = ? AND status = ? AND (recurrence IS NULL OR recurrence = '')`, e.status, e.id, e.was)
			if err == nil && in.conn.Changes() > 0 {
				done = append(done, e)
				err = in.giveReason(e.id, e.reason)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.ended(sess, done...)
	}
	return err
}

// ended tells of messages that have ended.
func (s *Store) ended(sess engine.Session, endings ...ending) {
	for _, e := range endings {
		if e.reason == "" {
			s.metrics.acks.Inc()
		}
		s.opts.Events.Put(engine.Event{Type: engine.EventMessageUpdated, SessionID: sess.ID, MessageID: e.id})
	}
}

// giveReason keeps why the engine ended a message; "" is nothing.
func (in *inbox) giveReason(id, reason string) error {
	if reason == "" {
		return nil
	}
	if err := in.exec(reasonSchema); err != nil {
		return err
	}
	return in.exec(`INSERT INTO engine_reason (message_id, reason) VALUES (?1, ?2) ON CONFLICT (message_id) DO UPDATE SET reason = ?2`, id, reason)
}
