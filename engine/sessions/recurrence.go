package sessions

import (
	"context"
	"fmt"
	"time"

	"github.com/twinbox/twinbox/engine"
)

type prepare = func(context.Context, engine.Session, *engine.Occurrence) error

// OnOccurrence names who prepares occurrences. See engine.SeriesKeeper.
func (s *Store) OnOccurrence(p prepare) { s.prepare.Store(&p) }

// run is an occurrence of a series, as it lies in the mailbox.
type run struct {
	engine.Message
	missed    engine.MissedRuns
	scheduled time.Time // when the series planned it, whatever retries made of it
	given     []byte    // sealed; nil: content is what the sender gave
}

// succession is what comes after a run.
type succession struct {
	occurrence *engine.Occurrence // nil: the series is over
	at         time.Time
	status     string // of the occurrence
	reason     string // of the occurrence, or why the series is over
}

const runSQL = `SELECT time_zone, missed_runs, ` + `scheduled_at FROM engine_series WHERE message_id = ?`

// run reads an occurrence; nil if it is not there.
func (m *mailbox) run(sess engine.Session, id string, now time.Time) (*run, error) {
	var r run
	found, err := queryOne(m.inbound, func(row *row) { r.Message = scanMessage(row, sess) },
		"SELECT seq, rowid, "+messageColumns+" FROM messages_in WHERE id = ?", id)
	if err != nil || !found || r.Recurrence == nil {
		return nil, err
	}
	// A series of another host's has no row of ours.
	r.missed, r.scheduled = engine.MissedOnce, now
	if r.Timestamp != nil {
		r.scheduled = *r.Timestamp
	}
	if r.ProcessAfter != nil {
		r.scheduled = *r.ProcessAfter
	}
	if has, err := hasTable(m.inbound, "engine_series"); err != nil || !has {
		return &r, err
	}
	if _, err = queryOne(m.inbound, func(row *row) {
		r.TimeZone, r.missed = row.text(0), engine.MissedRuns(row.or(1))
		if at := row.time(2, "scheduled_at"); at != nil {
			r.scheduled = *at
		}
	}, runSQL, id); err != nil {
		return nil, err
	}
	if has, err := hasTable(m.inbound, "engine_given"); err != nil || !has {
		return &r, err
	}
	_, err = queryOne(m.inbound, func(row *row) { r.given = row.st.ColumnBlob(0, nil) },
		"SELECT "+column("content", maxValueBytes/2)+" FROM engine_given WHERE message_id = ?", id)
	return &r, err
}

// next is when the run after r is due, which ended at ended. Runs that fell
// due between that and now were missed; those before were made up for by r.
func (r *run) next(ended, now time.Time) (time.Time, error) {
	// From the time that was planned: a clock that is set back repeats nothing.
	next, err := engine.NextRun(*r.Recurrence, r.TimeZone, r.scheduled)
	if err != nil || next.After(now) || r.missed == engine.MissedAll {
		return next, err
	}
	if r.missed == engine.MissedSkip || ended.Before(r.scheduled) {
		ended = now
	}
	return engine.NextRun(*r.Recurrence, r.TimeZone, ended)
}

// runs looks at the series of ours: at a run that is over without the
// container, and at one that was missed and is not to be made up for.
func (m *mailbox) runs(r *round, acks *acks) error {
	if has, err := hasTable(m.inbound, "engine_series"); err != nil || !has {
		return err
	}
	st, _, err := m.inbound.Prepare("SELECT " + column("m.id", maxText) + ", m.status, " + column("m.recurrence", maxText) + ", " +
		column("s.time_zone", maxText) + ", s.missed_runs, " + column("s.scheduled_at", maxText) + ` FROM engine_series s JOIN messages_in m ON m.id = s.message_id
		WHERE m.recurrence <> '' AND (m.status IN ('completed', 'failed') OR m.status = 'pending' AND s.missed_runs = 'SKIP')`)
	if err != nil {
		return err
	}
	defer st.Close()
	for st.Step() {
		row := &row{st: st}
		id, status, recurrence := row.or(0), row.or(1), row.or(2)
		scheduled := row.time(5, "scheduled_at")
		if scheduled == nil {
			scheduled = &r.now
		}
		if status != "pending" {
			// A hook refused it. Until its time comes, there is no next.
			if scheduled.After(r.now) {
				r.again(*scheduled)
			} else {
				r.end(ending{id: id, was: status, status: status, at: *scheduled, recurs: true})
			}
			continue
		}
		found, err := acks.look(id)
		if err != nil {
			return err
		}
		if found.status != "" {
			continue
		}
		switch next, err := engine.NextRun(recurrence, row.text(3), *scheduled); {
		case err != nil:
		case next.After(r.now):
			r.again(next)
		default:
			r.pending--
			r.end(ending{id: id, was: status, status: "cancelled", at: r.now, recurs: true,
				reason: "it was missed, and its series makes up for none"})
		}
	}
	return st.Err()
}

// resting tells whether a series goes on although none of its runs waits: a
// hook refused one, and its time has not come.
func (m *mailbox) resting() (bool, error) {
	if has, err := hasTable(m.inbound, "engine_series"); err != nil || !has {
		return false, err
	}
	return queryOne(m.inbound, func(*row) {}, `SELECT 1 FROM engine_series s JOIN messages_in m ON m.id = s.message_id
		WHERE m.recurrence <> '' AND m.status IN ('completed', 'failed') LIMIT 1`)
}

// endOccurrence ends a recurring message and writes its next occurrence, in
// one transaction (lesson 28). Hooks run before: nobody waits for them with a
// mailbox open. It is not done if the message has changed meanwhile, or if
// nobody can prepare occurrences.
func (s *Store) endOccurrence(ctx context.Context, sess engine.Session, e ending) (done bool, err error) {
	if s.prepare.Load() == nil {
		return false, nil
	}
	var r *run
	now := s.opts.Now().UTC()
	err = s.read(ctx, sess, func(m *mailbox) (err error) {
		r, err = m.run(sess, e.id, now)
		return err
	})
	if err != nil || r == nil {
		return false, err
	}
	next, err := s.succession(ctx, sess, r, e.at, now)
	if err != nil {
		return false, fmt.Errorf("prepare what follows message %s: %w", clip(e.id), err)
	}
	err = s.do(ctx, sess, func(in *inbox) (err error) {
		done, err = in.succeed(r, e, *next)
		return err
	})
	if err == nil && done {
		s.ended(sess, e)
		if o := next.occurrence; o != nil && o.Written != nil && o.Seq != nil {
			o.Written(*o.Seq)
		}
		if next.occurrence != nil {
			s.opts.Events.Put(engine.Event{Type: engine.EventMessageWritten, SessionID: sess.ID, MessageID: next.occurrence.ID})
		}
	}
	return done, err
}

// succession decides what comes after a run.
func (s *Store) succession(ctx context.Context, sess engine.Session, r *run, ended, now time.Time) (*succession, error) {
	at, err := r.next(ended, now)
	if err != nil {
		return &succession{reason: "its series ended here: " + sentence(err)}, nil
	}
	o := &engine.Occurrence{Message: r.Message}
	o.ID, o.Seq, o.Status, o.Tries, o.Problem = "", nil, engine.MessagePending, 0, nil
	o.Timestamp, o.ProcessAfter = &at, &at
	if r.given != nil {
		if given, ok := s.given.open(s, sess, r); ok {
			o.Content = given
		} else {
			s.log.Warn("what the sender of a series gave cannot be read: hooks see what they made of it", "session", sess.ID, "message", r.ID)
		}
	}
	if err := (*s.prepare.Load())(ctx, sess, o); err != nil {
		return nil, err
	}
	n := &succession{occurrence: o, at: at, status: "pending"}
	switch {
	case o.Over:
		return &succession{reason: "its series ended with the session"}, nil
	case o.Dropped:
		o.Content, n.status, n.reason = "", "completed", "a hook took it; the agent does not see it"
	case o.Refused != "":
		n.refuse("a hook refused it: " + o.Refused)
	}
	return n, nil
}

func (n *succession) refuse(reason string) {
	n.occurrence.Content, n.status, n.reason = "", "failed", reason
}

// succeed writes the end of a run and what comes after it. It is not done if
// the run has changed.
func (in *inbox) succeed(r *run, e ending, n succession) (done bool, err error) {
	err = in.exec(`UPDATE messages_in SET status = ?, recurrence = NULL WHERE id = ? AND status = ? AND recurrence = ?`, e.status, e.id, e.was, *r.Recurrence)
	if err != nil || in.conn.Changes() == 0 {
		return false, err
	}
	reason := e.reason
	if n.occurrence == nil {
		reason = n.reason
	}
	if err := in.giveReason(e.id, reason); err != nil || n.occurrence == nil {
		return true, err
	}
	if err := in.use(int64(len(n.occurrence.Content)), 0); err != nil {
		if engine.CodeOf(err) != engine.CodeLimitExceeded {
			return false, err
		}
		o := *n.occurrence
		n.occurrence = &o
		n.refuse(sentence(err))
	}
	o := n.occurrence
	seq, err := in.copyMessage(e.id, o.ID, n.status, &o.Content, &n.at, r.Recurrence)
	if err != nil {
		return false, err
	}
	o.Seq = &seq
	if err := in.giveReason(o.ID, n.reason); err != nil {
		return false, err
	}
	if err := in.exec(seriesSchema); err != nil {
		return false, err
	}
	if err := in.exec(`DELETE FROM engine_series WHERE message_id = ?`, e.id); err != nil {
		return false, err
	}
	if err := in.exec(`INSERT INTO engine_series (message_id, time_zone, missed_runs, scheduled_at) VALUES (?, ?, ?, ?)`,
		o.ID, r.TimeZone, string(r.missed), n.at); err != nil {
		return false, err
	}
	if r.given == nil {
		return true, nil
	}
	return true, in.exec(`UPDATE engine_given SET message_id = ? WHERE message_id = ?`, o.ID, e.id)
}

// copyMessage writes a new message of a series after an old one. content nil
// is the old one's, at nil is at once. It returns the new one's seq.
func (in *inbox) copyMessage(old, id, status string, content *string, at *time.Time, recurrence *string) (seq int64, err error) {
	seq, err = in.nextSeq()
	if err != nil {
		return 0, err
	}
	return seq, in.exec(`INSERT INTO messages_in (id, seq, kind, timestamp, status, process_after, recurrence, series_id, tries,
		"trigger", platform_id, channel_type, thread_id, content, source_session_id, on_wake)
		SELECT ?1, ?2, kind, coalesce(?3, timestamp), ?4, ?3, ?5, coalesce(nullif(series_id, ''), id), 0,
		"trigger", platform_id, channel_type, thread_id, coalesce(?6, content), source_session_id, on_wake FROM messages_in WHERE id = ?7`,
		id, seq, at, status, recurrence, content, old)
}

// beginSeries notes what messages_in has no column for of a message that recurs.
func (in *inbox) beginSeries(d *engine.Draft, st *staged) error {
	if err := in.exec(seriesSchema); err != nil {
		return err
	}
	err := in.exec(`INSERT INTO engine_series (message_id, time_zone, missed_runs, scheduled_at) VALUES (?, ?, ?, ?)`,
		d.ID, d.TimeZone, string(d.MissedRuns), *d.ProcessAfter)
	if err != nil || st.given == "" || st.given == st.text {
		return err
	}
	sealed, err := in.store.given.seal(in.store, in.session, d.ID, st.given)
	if err == nil {
		err = in.exec(givenSchema)
	}
	if err != nil {
		return err
	}
	return in.exec(`INSERT INTO engine_given (message_id, content) VALUES (?, ?)`, d.ID, sealed)
}
