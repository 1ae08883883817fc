package sessions

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// ActOnMessages carries out what an operator wants. See engine.MessageActor.
func (s *Store) ActOnMessages(ctx context.Context, sess engine.Session, acts []engine.MessageAct) []engine.ActResult {
	results := make([]engine.ActResult, len(acts))
	// What has ended is known to have, and a series has gone on.
	if _, err := s.settle(ctx, sess); err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	actions := make([]*action, len(acts))
	applies := make([]func(*inbox) error, len(acts))
	var unread error
	for i, act := range acts {
		actions[i] = &action{asked: act.MessageID, action: act.Action, newID: act.NewID, mark: act.Mark, unread: &unread}
		applies[i] = actions[i].apply
	}
	for i, err := range s.doAll(ctx, sess, applies) {
		results[i].Err = err
	}
	s.watcher.watch(sess)
	s.yield(ctx, sess, actions, results)
	ids := make([]string, 0, len(acts))
	for i, r := range results {
		if r.Err == nil {
			ids = append(ids, actions[i].result)
		}
	}
	messages, err := s.messagesOf(ctx, sess, ids)
	for i := range results {
		if r := &results[i]; r.Err == nil {
			if r.Err = err; err == nil {
				r.Message, messages = messages[0], messages[1:]
			}
		}
	}
	return results
}

// action is what an operator does with one message.
type action struct {
	asked  string
	action engine.MessageAction
	newID  string
	mark   *engine.OperationMark // nil: it is no operation's
	// unread is why outbound.db could not be read, for all that are carried out
	// together: the mailbox is locked, so only the first waits for it.
	unread *error

	id         string // of the message that it is done to
	result     string // of the message to answer with
	changed    bool
	status     string // before, in inbound.db
	recurrence *string
}

// liveSQL finds the run of a series that goes on.
var liveSQL = "SELECT " + column("id", maxText) + ` FROM messages_in WHERE series_id = ? AND recurrence <> '' ORDER BY seq DESC LIMIT 1`

// find reads the message that is asked for. Of a series any message will do:
// what is done to one that has ended is meant for the run that goes on.
func (a *action) find(in *inbox) error {
	a.id = a.asked
	seriesID, found, err := a.read(in)
	if err == nil && !found && a.action == engine.ActionDiscard {
		return notInSession(a.asked, in.session)
	}
	if err != nil || found && (a.action == engine.ActionRetry || a.action == engine.ActionDiscard || a.waits() || a.recurs() || seriesID == nil) {
		return err
	}
	if !found {
		seriesID = &a.asked // another host has removed the first
	}
	live := ""
	goesOn, err := in.queryRow(func(st *sqlite3.Stmt) { live = (&row{st: st}).or(0) }, liveSQL, *seriesID)
	if err == nil && goesOn {
		a.id = live
		_, found, err = a.read(in)
	}
	if err == nil && !found {
		return notInSession(a.asked, in.session)
	}
	return err
}

func notInSession(id string, sess engine.Session) error {
	return &engine.Error{Code: engine.CodeNotFound, Field: []string{"messageId"}, Message: "there is no message " + clip(id) + " in session " + sess.ID}
}

func (a *action) read(in *inbox) (seriesID *string, found bool, err error) {
	found, err = in.queryRow(func(st *sqlite3.Stmt) {
		r := &row{st: st}
		a.status, a.recurrence, seriesID = r.or(0), r.text(1), r.text(2)
	}, "SELECT "+column("status", maxText)+", "+column("recurrence", maxText)+", "+column("series_id", maxText)+" FROM messages_in WHERE id = ?", a.id)
	return seriesID, found, err
}

func (a *action) waits() bool  { return a.status == "pending" || a.status == "paused" }
func (a *action) recurs() bool { return a.recurrence != nil && *a.recurrence != "" }

func (a *action) apply(in *inbox) error {
	a.changed, a.result = false, a.asked
	if a.mark == nil {
		return a.do(in)
	}
	did, retriedAs, err := in.marked(engine.DirectionIn, a.asked, a.mark)
	if err != nil || did {
		if retriedAs != nil {
			a.result = *retriedAs
		}
		return err
	}
	if err := a.do(in); err != nil {
		return err
	}
	if a.action != engine.ActionRetry {
		return in.leaveMark(engine.DirectionIn, a.asked, a.mark, nil, nil)
	}
	return errors.Join(in.leaveMark(engine.DirectionIn, a.asked, a.mark, &a.result, nil),
		in.leaveMark(engine.DirectionIn, a.result, a.mark, nil, &a.asked))
}

func (a *action) do(in *inbox) error {
	err := a.find(in)
	if err != nil {
		return err
	}
	a.result = a.id
	said := ack{}
	if a.waits() {
		if *a.unread != nil {
			return *a.unread
		}
		if said, err = in.acknowledged(a.id); err != nil {
			*a.unread = err
			return err
		}
	}
	switch {
	case said.status == "processing" && a.action == engine.ActionCancel && a.recurs():
		// The run goes on, and is the last: an agent that finds its task done
		// says so while it works on it.
		return in.exec(`UPDATE messages_in SET recurrence = NULL WHERE id = ?`, a.id)
	case said.status == "processing":
		return conflict("the container works on message %s: it cannot be taken from it; stop the container first, or wait", a.id)
	case said.ended():
		return conflict("the container has just ended message %s; try again in a moment", a.id)
	}
	switch a.action {
	case engine.ActionPause:
		return a.pause(in)
	case engine.ActionResume:
		return a.resume(in)
	case engine.ActionCancel:
		return a.cancel(in)
	case engine.ActionDiscard:
		return a.discard(in)
	default:
		return a.retry(in)
	}
}

func conflict(format string, args ...any) error {
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = clip(s)
		}
	}
	e := engine.Errorf(engine.CodeConflict, format, args...)
	return e.In("messageId")
}

// acknowledged asks outbound.db of one message. Whoever holds a lock there
// keeps it for a moment only: the mailbox is locked meanwhile.
func (in *inbox) acknowledged(id string) (found ack, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	m := &mailbox{}
	if m.outbound, err = in.store.look(ctx, in.session, in.folder, outboundName); err != nil {
		return ack{}, fault(outboundName, err)
	}
	sound := false // not after a panic
	defer func() { in.store.detach(in.session, in.folder, outboundName, m.outbound, sound) }()
	acks := m.acks()
	defer acks.close()
	found, err = acks.look(id)
	sound = err == nil
	return found, fault(outboundName, err)
}

func (a *action) set(in *inbox, status string) error {
	a.changed = true
	return in.exec(`UPDATE messages_in SET status = ? WHERE id = ?`, status, a.id)
}

func (a *action) pause(in *inbox) error {
	switch a.status {
	case "paused":
		return nil
	case "pending":
		return errors.Join(in.exec(pausedSchema), a.set(in, "paused"))
	}
	return conflict("message %s cannot be paused: it is %s", a.id, a.status)
}

func (a *action) resume(in *inbox) error {
	switch a.status {
	case "pending":
		return nil
	case "paused":
		return a.set(in, "pending")
	}
	return conflict("message %s cannot be resumed: it is %s", a.id, a.status)
}

// cancel calls off what waits. An occurrence that a hook refused has ended, and
// its series waits all the same.
func (a *action) cancel(in *inbox) error {
	switch {
	case a.status == "cancelled" && !a.recurs():
		return nil
	case a.waits(), a.recurs():
		a.changed = true
		return in.exec(`UPDATE messages_in SET status = 'cancelled', recurrence = NULL WHERE id = ?`, a.id)
	}
	return conflict("message %s cannot be cancelled: it is %s", a.id, a.status)
}

// discard calls off what failed. A run that its series has not gone on from is
// still read for the next one.
func (a *action) discard(in *inbox) error {
	switch {
	case a.status == "cancelled":
		return nil
	case a.status != "failed":
		return conflict("message %s cannot be discarded: it has not failed, it is %s", a.id, a.status)
	case a.recurs():
		return conflict("message %s cannot be discarded yet: the next run of its series is written when its time has come", a.id)
	}
	return errors.Join(in.exec(reasonSchema),
		in.exec(`INSERT INTO engine_reason (message_id, reason) VALUES (?, 'it was discarded after it had failed') ON CONFLICT DO NOTHING`, a.id),
		a.set(in, "cancelled"))
}

// retry writes an ended message again. One retry at a time waits: who did not
// hear of the first does not have it done twice.
func (a *action) retry(in *inbox) error {
	switch a.status {
	case "completed", "failed", "cancelled":
	default:
		return conflict("message %s cannot be retried: it has not ended, it is %s", a.id, a.status)
	}
	if err := in.exec(retrySchema); err != nil {
		return err
	}
	var waiting string
	var size int64
	_, err := in.queryRow(func(st *sqlite3.Stmt) { waiting = (&row{st: st}).or(0) },
		"SELECT "+column("m.id", maxText)+` FROM engine_retry r JOIN messages_in m ON m.id = r.retry_id WHERE r.message_id = ? AND m.status IN ('pending', 'paused')`, a.id)
	if err != nil {
		return err
	}
	if waiting != "" {
		return conflict("message %s is retried already: as message %s, which has not ended", a.id, waiting)
	}
	if _, err := in.queryRow(func(st *sqlite3.Stmt) { size = st.ColumnInt64(0) }, `SELECT octet_length(content) FROM messages_in WHERE id = ?`, a.id); err != nil {
		return err
	}
	if size == 0 {
		return conflict("message %s cannot be retried: a hook left nothing of it", a.id)
	}
	if err := in.use(size, 0); err != nil {
		return err
	}
	if _, err := in.copyMessage(a.id, a.newID, "pending", nil, nil, nil); err != nil {
		return err
	}
	a.result = a.newID
	return in.exec(`INSERT INTO engine_retry (message_id, retry_id) VALUES (?1, ?2) ON CONFLICT (message_id) DO UPDATE SET retry_id = ?2`, a.id, a.newID)
}

// yield lets the container have messages that it claimed in the moment in
// which they were paused or cancelled: it had read them before.
func (s *Store) yield(ctx context.Context, sess engine.Session, actions []*action, results []engine.ActResult) {
	taken := map[*action]bool{}
	// What cannot be read was done, and is shown with what becomes known.
	_ = s.read(ctx, sess, func(m *mailbox) error {
		clear(taken)
		acks := m.acks()
		defer acks.close()
		for i, a := range actions {
			if results[i].Err != nil || !a.changed || a.action != engine.ActionPause && a.action != engine.ActionCancel {
				continue
			}
			if said, err := acks.look(a.id); err != nil {
				return err
			} else if said.status != "" {
				taken[a] = true
			}
		}
		return nil
	})
	for i, a := range actions {
		if taken[a] {
			results[i].Err = s.giveBack(context.WithoutCancel(ctx), sess, a)
		}
	}
}

func (s *Store) giveBack(ctx context.Context, sess engine.Session, a *action) error {
	err := s.do(ctx, sess, func(in *inbox) error {
		if a.mark != nil {
			if err := in.removeMark(engine.DirectionIn, a.asked, a.mark); err != nil {
				return err
			}
		}
		return in.exec(`UPDATE messages_in SET status = ?, recurrence = ? WHERE id = ? AND status IN ('paused', 'cancelled')`, a.status, a.recurrence, a.id)
	})
	if err != nil {
		return err
	}
	return conflict("the container has just taken message %s", a.id)
}
