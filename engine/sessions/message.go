package sessions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// maxSeq is the last sequence number that every reader can hold, also one
// that counts in double precision. Others are a container's invention.
const maxSeq = 1<<53 - 2

// Write writes messages in order. See engine.MessageWriter.
func (s *Store) Write(ctx context.Context, sess engine.Session, drafts []engine.Draft) []engine.WriteResult {
	results := make([]engine.WriteResult, len(drafts))
	var (
		staged  []*staged
		applies []func(*inbox) error
		of      []*engine.WriteResult
	)
	for i := range drafts {
		r := &results[i]
		st, err := s.stage(ctx, sess, &drafts[i])
		if err != nil {
			r.Err = err
			continue
		}
		staged = append(staged, st)
		of = append(of, r)
		applies = append(applies, func(in *inbox) (err error) {
			r.Message, r.Outcome, err = in.write(sess, &drafts[i], st)
			return err
		})
	}
	for i, err := range s.doAll(ctx, sess, applies) {
		if err != nil {
			*of[i] = engine.WriteResult{Err: err}
		}
		switch {
		case of[i].Outcome == engine.OutcomeWritten:
			staged[i].keep()
		case uncertain(err):
			s.leave(sess, staged[i])
		default:
			staged[i].discard()
		}
	}
	for i := range results {
		s.metrics.answered(results[i])
		s.refresh(ctx, sess, &results[i])
	}
	s.watcher.watch(sess)
	return results
}

// write inserts a message, or finds out that it was accepted before.
func (in *inbox) write(sess engine.Session, d *engine.Draft, st *staged) (*engine.Message, engine.WriteOutcome, error) {
	outcome := "written"
	if d.Dropped {
		outcome = "dropped"
	}
	// The id is taken first, so that a replay is found out by the same lookup.
	err := in.exec(`INSERT INTO engine_accepted (id, hash, outcome) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, d.ID, st.hash[:], outcome)
	if err != nil {
		return nil, "", err
	}
	if in.conn.Changes() == 0 {
		in.wrote = false
		return in.replay(sess, d, st.hash)
	}
	in.store.accepted.add(sess.ID, d.ID)
	if d.Dropped {
		return nil, engine.OutcomeDropped, nil
	}
	if err := in.use(int64(len(st.text)), st.bytes); err != nil {
		return nil, "", err
	}
	seq, err := in.nextSeq()
	if err != nil {
		return nil, "", err
	}
	err = in.exec(`INSERT INTO messages_in (id, seq, kind, timestamp, status, process_after, recurrence, series_id, tries,
		"trigger", platform_id, channel_type, thread_id, content, source_session_id, on_wake)
		VALUES (?, ?, ?, ?, 'pending', ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)`,
		d.ID, seq, d.Kind, d.Timestamp, d.ProcessAfter, d.Recurrence, d.ID,
		d.Trigger, d.Route.PlatformID, d.Route.ChannelType, d.Route.ThreadID, st.text, d.SourceSessionID, d.OnWake)
	if errors.Is(err, sqlite3.CONSTRAINT) {
		// Another host wrote it: what it was given is not known.
		return nil, "", idConflict(d.ID)
	}
	if err == nil && d.Recurrence != nil {
		err = in.beginSeries(d, st)
	}
	if err != nil {
		return nil, "", err
	}
	return written(sess, d, seq, st.text), engine.OutcomeWritten, nil
}

// refresh gives a replay's message the status that the container knows.
func (s *Store) refresh(ctx context.Context, sess engine.Session, r *engine.WriteResult) {
	if r.Outcome != engine.OutcomeReplayed || r.Message == nil || r.Message.Status != engine.MessagePending {
		return
	}
	if m, err := s.Message(ctx, sess, r.Message.ID); err == nil {
		r.Message = &m
	}
}

// replay answers an id that was accepted before.
func (in *inbox) replay(sess engine.Session, d *engine.Draft, hash [32]byte) (*engine.Message, engine.WriteOutcome, error) {
	var same bool
	_, err := in.queryRow(func(row *sqlite3.Stmt) { same = bytes.Equal(row.ColumnRawBlob(0), hash[:]) },
		`SELECT hash FROM engine_accepted WHERE id = ?`, d.ID)
	if err != nil {
		return nil, "", err
	}
	if !same {
		return nil, "", idConflict(d.ID)
	}
	m, err := in.message(sess, d.ID)
	return m, engine.OutcomeReplayed, err
}

func written(sess engine.Session, d *engine.Draft, seq int64, text string) *engine.Message {
	timestamp := d.Timestamp.UTC().Truncate(time.Millisecond)
	return &engine.Message{SessionID: sess.ID, ID: d.ID, Seq: &seq, Kind: d.Kind, Timestamp: &timestamp,
		Status: engine.MessagePending, Content: text, Route: d.Route, ProcessAfter: d.ProcessAfter, Recurrence: d.Recurrence,
		TimeZone: d.TimeZone, SeriesID: &d.ID, Trigger: d.Trigger, OnWake: d.OnWake, SourceSessionID: d.SourceSessionID}
}

func idConflict(id string) error {
	return &engine.Error{Code: engine.CodeConflict, Field: []string{"messageId"},
		Message: "a message with the id " + id + " and another content exists in this session"}
}

// nextSeq is the next even number above every valid one.
func (in *inbox) nextSeq() (int64, error) {
	if in.lastSeq < 0 {
		_, err := in.queryRow(func(row *sqlite3.Stmt) { in.lastSeq = max(row.ColumnInt64(0), 0) },
			`SELECT max(seq) FROM messages_in WHERE seq BETWEEN 0 AND ?`, int64(maxSeq))
		if err != nil {
			return 0, err
		}
	}
	next := in.lastSeq + 2 - in.lastSeq%2
	if next > maxSeq {
		return 0, engine.Errorf(engine.CodeLimitExceeded, "the session's sequence numbers are used up; close it and resolve a new one")
	}
	in.lastSeq = next
	return next, nil
}

// use counts bytes against the session's quota: what the database has, and
// what was put into the inbox.
func (in *inbox) use(content, attachments int64) error {
	if in.size < 0 {
		st, err := in.folder.dir.stat(inboundName)
		if err != nil {
			return err
		}
		has, err := in.hasTable("engine_usage")
		if err != nil {
			return err
		}
		in.size, in.attached = st.Size, 0
		if has {
			if _, err := in.queryRow(func(row *sqlite3.Stmt) { in.attached = max(row.ColumnInt64(0), 0) }, `SELECT bytes FROM engine_usage`); err != nil {
				return err
			}
		}
	}
	if limit := in.store.opts.Limits.SessionBytes; in.size+in.attached+content+attachments > limit {
		return &engine.Error{Code: engine.CodeLimitExceeded, Field: []string{"content"},
			Message: fmt.Sprintf("the session would hold more than its quota of %d bytes; close it and resolve a new one, or raise the quota", limit)}
	}
	in.size += content
	if attachments == 0 {
		return nil
	}
	in.attached += attachments
	if err := in.exec(usageSchema); err != nil {
		return err
	}
	return in.exec(`INSERT INTO engine_usage (id, bytes) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET bytes = ?1`, in.attached)
}
