package sessions

import (
	"context"
	"errors"

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

var ackSQL = "SELECT " + column("status", maxText) + " FROM processing_ack WHERE message_id = ?"

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
	if a.st == nil || a.err != nil {
		return "", a.err
	}
	if err := a.st.BindText(1, id); err != nil {
		return "", err
	}
	if a.st.Step() {
		status = a.st.ColumnText(0)
	}
	return status, errors.Join(a.st.Err(), a.st.Reset())
}

// apply gives a pending message the status that the container knows. Where
// outbound.db cannot be read, the message says so.
func (a *acks) apply(m *engine.Message) error {
	if m.Status != engine.MessagePending {
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

// maxAcks bounds the acknowledgements that are copied at once.
const maxAcks = 4096

// acknowledged reads which pending messages the container has completed or
// failed, and how many are pending after that.
func (m *mailbox) acknowledged() (status map[string]string, pending int, err error) {
	acks := m.acks()
	defer acks.close()
	if acks.err != nil {
		return nil, 0, acks.err
	}
	status = map[string]string{}
	st, _, err := m.inbound.Prepare("SELECT " + column("id", maxText) + " FROM messages_in WHERE status = 'pending'")
	if err != nil {
		return nil, 0, err
	}
	defer st.Close()
	for st.Step() {
		id := st.ColumnText(0)
		switch s, err := acks.of(id); {
		case err != nil:
			return nil, 0, err
		case (s == "completed" || s == "failed") && len(status) < maxAcks:
			status[id] = s
		default:
			pending++
		}
	}
	return status, pending, st.Err()
}

// copyAcks copies acknowledgements from outbound.db to inbound.db: some
// containers read the newest due rows first and only then drop what is
// acknowledged, so rows that stay pending would starve older ones (lesson 16).
// It returns how many messages still wait.
func (s *Store) copyAcks(ctx context.Context, sess engine.Session) (pending int, err error) {
	for copied := maxAcks; copied == maxAcks && err == nil; {
		copied, pending, err = s.copySomeAcks(ctx, sess)
	}
	return pending, err
}

func (s *Store) copySomeAcks(ctx context.Context, sess engine.Session) (copied, pending int, err error) {
	var status map[string]string
	err = s.read(ctx, sess, func(m *mailbox) (err error) {
		status, pending, err = m.acknowledged()
		return err
	})
	if err != nil || len(status) == 0 {
		return 0, pending, err
	}
	err = s.do(ctx, sess, func(in *inbox) error {
		for id, st := range status {
			if err := in.exec(`UPDATE messages_in SET status = ? WHERE id = ? AND status = 'pending'`, st, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.metrics.acks.Add(float64(len(status)))
		for id := range status {
			s.opts.Events.Put(engine.Event{Type: engine.EventMessageUpdated, SessionID: sess.ID, MessageID: id})
		}
	}
	return len(status), pending, err
}
