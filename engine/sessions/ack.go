package sessions

import (
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// acks looks up what the container says of messages that are still pending in
// inbound.db.
type acks struct {
	st   *sqlite3.Stmt // nil: no such table yet
	err  error         // outbound.db cannot be read
	news bool          // something was acknowledged that is not copied yet
}

var ackSQL = "SELECT " + column("status", maxText) + ", " + column("status_changed", maxText) + " FROM processing_ack WHERE message_id = ?"

// ack is what the container says of one message.
type ack struct {
	status  string // "" is nothing
	changed string // when, as it wrote it
}

func (a ack) ended() bool { return a.status == "completed" || a.status == "failed" }

// at is when that was: now, if it cannot be read or lies in the future.
func (a ack) at(now time.Time) time.Time {
	if t, err := engine.ParseTime(a.changed); err == nil && t.Before(now) {
		return t
	}
	return now
}

func (m *mailbox) acks() *acks {
	if m.outboundErr != nil {
		return &acks{err: m.outboundErr}
	}
	has, err := hasTable(m.outbound, "processing_ack")
	if err != nil || !has {
		return &acks{err: err}
	}
	st, _, err := m.outbound.Prepare(ackSQL)
	return &acks{st: st, err: err}
}

func (a *acks) close() {
	if a.st != nil {
		a.st.Close()
	}
}

// of returns the acknowledged status of a message, "" if there is none.
func (a *acks) of(id string) (status string, err error) {
	found, err := a.look(id)
	return found.status, err
}

func (a *acks) look(id string) (found ack, err error) {
	if a.st == nil || a.err != nil {
		return ack{}, a.err
	}
	if err := a.st.BindText(1, id); err != nil {
		return ack{}, err
	}
	if a.st.Step() {
		found = ack{a.st.ColumnText(0), a.st.ColumnText(1)}
	}
	return found, errors.Join(a.st.Err(), a.st.Reset())
}

// apply gives a message that waits or is paused the status that the container
// knows: it may have taken it in the moment in which it was paused. Where
// outbound.db cannot be read, the message says so.
func (a *acks) apply(m *engine.Message) error {
	if m.Status != engine.MessagePending && m.Status != engine.MessagePaused {
		return nil
	}
	status, err := a.of(m.ID)
	if err != nil {
		problem := "what the container acknowledged cannot be read from " + outboundName
		m.Problem = &problem
		return nil
	}
	switch status {
	case "processing":
		m.Status = engine.MessageProcessing
	case "completed", "failed":
		m.Status = messageStatus[status]
		a.news = true
	}
	return nil
}

// times says when the container took or ended a message, where it says so.
func (a *acks) times(m *engine.Message, now time.Time) {
	switch m.Status {
	case engine.MessageProcessing, engine.MessageCompleted, engine.MessageFailed, engine.MessageCancelled:
	default:
		return
	}
	said, err := a.look(m.ID)
	if err != nil {
		return // the rest of the message can be read
	}
	switch at := past(said.changed, now); {
	case said.status == "processing" && m.Status == engine.MessageProcessing:
		m.ClaimedAt = at
	case said.ended():
		m.AcknowledgedAt = at
	}
}

// past is a time that a container wrote; nil for what is none, or cannot be.
func past(text string, now time.Time) *time.Time {
	if t, err := engine.ParseTime(text); err == nil && !t.After(now) {
		return &t
	}
	return nil
}
