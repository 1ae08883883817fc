package sessions

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// update is a message that is being changed.
type update struct {
	*run
	old  engine.Message // as it is stored
	text string         // what its sender gave
}

// UpdateMessage changes a message that waits. See engine.MessageActor.
func (s *Store) UpdateMessage(ctx context.Context, sess engine.Session, id string, change func(context.Context, *engine.MessageUpdate) error) (engine.Message, error) {
	if _, err := s.settle(ctx, sess); err != nil {
		return engine.Message{}, err
	}
	u, err := s.updating(ctx, sess, id)
	if err != nil {
		return engine.Message{}, err
	}
	// Hooks run now: nobody waits for them with a mailbox open.
	m := engine.MessageUpdate{Message: u.old, Given: u.text}
	if err := change(ctx, &m); err != nil {
		return engine.Message{}, err
	}
	if err := s.do(ctx, sess, func(in *inbox) error { return in.update(u, m) }); err != nil {
		return engine.Message{}, err
	}
	s.watcher.watch(sess)
	stored, err := s.Message(ctx, sess, u.ID)
	if err == nil && stored.Status != engine.MessagePending && stored.Status != engine.MessagePaused && stored.Recurrence == nil {
		err = conflict("the container has just taken message %s, as it was before", u.ID)
	}
	return stored, err
}

// updating reads the message that is asked for, or the run that goes on of its
// series.
func (s *Store) updating(ctx context.Context, sess engine.Session, id string) (u *update, err error) {
	err = s.read(ctx, sess, func(m *mailbox) error {
		u, err = m.updating(sess, id, s)
		return err
	})
	return u, err
}

func (m *mailbox) updating(sess engine.Session, id string, s *Store) (*update, error) {
	const sql = "SELECT seq, rowid, "
	read := func(id string) (found bool, old engine.Message, err error) {
		found, err = queryOne(m.inbound, func(r *row) { old = scanMessage(r, sess) }, sql+messageColumns+" FROM messages_in WHERE id = ?", id)
		return found, old, err
	}
	waits := func(old engine.Message) bool {
		return old.Status == engine.MessagePending || old.Status == engine.MessagePaused
	}
	found, old, err := read(id)
	if err != nil {
		return nil, err
	}
	if !found || !waits(old) {
		seriesID, live := id, ""
		if old.SeriesID != nil {
			seriesID = *old.SeriesID
		}
		goesOn, err := queryOne(m.inbound, func(r *row) { live = r.or(0) }, liveSQL, seriesID)
		if err == nil && goesOn {
			found, old, err = read(live)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case !found:
		return nil, notInSession(id, sess)
	case !waits(old):
		return nil, conflict("message %s cannot be changed: it is "+string(old.Status), old.ID)
	}
	acks := m.acks()
	defer acks.close()
	said, err := acks.look(old.ID)
	if err != nil {
		return nil, err
	}
	if said.status != "" {
		return nil, conflict("the container works on message %s: change it when it has ended", old.ID)
	}
	u := &update{run: &run{Message: old, missed: engine.MissedOnce}, old: old, text: old.Content}
	r, err := m.run(sess, old.ID, s.opts.Now().UTC())
	if err != nil || r == nil {
		return u, err
	}
	u.run, u.old.TimeZone = r, r.TimeZone
	if r.given == nil {
		return u, nil
	}
	if text, ok := s.given.open(s, sess, r); ok {
		u.text = text
	} else {
		s.log.Warn("what the sender of a series gave cannot be read: hooks see what they made of it", "session", sess.ID, "message", r.ID)
	}
	return u, nil
}

// update stores a message, unless something else changed it meanwhile.
func (in *inbox) update(u *update, m engine.MessageUpdate) error {
	said, err := in.acknowledged(u.ID)
	if err != nil {
		return err
	}
	if said.status != "" {
		return conflict("the container has just taken message %s", u.ID)
	}
	if err := in.use(int64(max(len(m.Content)-len(u.old.Content), 0)), 0); err != nil {
		return err
	}
	same := false
	_, err = in.queryRow(func(st *sqlite3.Stmt) { same = st.ColumnBool(0) },
		`SELECT status IN ('pending', 'paused') AND content = ?2 AND recurrence IS ?3 FROM messages_in WHERE id = ?1`, u.ID, u.old.Content, u.old.Recurrence)
	if err != nil {
		return err
	}
	if !same {
		return engine.Errorf(engine.CodeUnavailable, "message %s has changed meanwhile; try again", clip(u.ID))
	}
	err = in.exec(`UPDATE messages_in SET content = ?, process_after = ?, recurrence = ? WHERE id = ?`, m.Content, m.ProcessAfter, m.Recurrence, u.ID)
	if err != nil {
		return err
	}
	return in.updateSeries(u, m)
}

func (in *inbox) updateSeries(u *update, m engine.MessageUpdate) error {
	if err := in.exec(seriesSchema); err != nil {
		return err
	}
	if err := in.exec(givenSchema); err != nil {
		return err
	}
	if m.Recurrence == nil {
		if err := in.exec(`DELETE FROM engine_series WHERE message_id = ?`, u.ID); err != nil {
			return err
		}
		return in.exec(`DELETE FROM engine_given WHERE message_id = ?`, u.ID)
	}
	scheduled := u.scheduled // retries move process_after, and nobody else did
	if at := m.ProcessAfter; at != nil && (u.old.Recurrence == nil || u.old.ProcessAfter == nil || !at.Equal(*u.old.ProcessAfter)) {
		scheduled = *at
	}
	err := in.exec(`INSERT OR REPLACE INTO engine_series (message_id, time_zone, missed_runs, scheduled_at) VALUES (?, ?, ?, ?)`,
		u.ID, m.TimeZone, string(u.missed), scheduled)
	if err != nil || m.Given == u.text {
		return err
	}
	if m.Given == m.Content {
		return in.exec(`DELETE FROM engine_given WHERE message_id = ?`, u.ID)
	}
	seriesID := u.ID
	if u.old.SeriesID != nil {
		seriesID = *u.old.SeriesID
	}
	sealed, err := in.store.given.seal(in.store, in.session, seriesID, m.Given)
	if err != nil {
		return err
	}
	return in.exec(`INSERT OR REPLACE INTO engine_given (message_id, content) VALUES (?, ?)`, u.ID, sealed)
}
