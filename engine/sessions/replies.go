package sessions

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// replyColumns follow seq and rowid; scanReply reads them.
var replyColumns = strings.Join([]string{
	column("id", maxText), column("kind", maxText), column("timestamp", maxText), column("in_reply_to", maxText),
	column("content", maxValueBytes/2), column("platform_id", maxText), column("channel_type", maxText), column("thread_id", maxText),
	column("deliver_after", maxText),
}, ", ")

func scanReply(r *row, sess engine.Session) engine.Reply {
	reply := engine.Reply{SessionID: sess.ID,
		Seq: r.seq(0), ID: r.must(2, "id"), Kind: r.must(3, "kind"), Timestamp: r.time(4, "timestamp"), InReplyTo: r.text(5),
		Content: r.must(6, "content"), Route: engine.Route{PlatformID: r.text(7), ChannelType: r.text(8), ThreadID: r.text(9)},
		DeliverAfter: r.time(10, "deliver_after")}
	reply.Problem = r.problems()
	return reply
}

// Replies lists replies. See engine.ReplyReader.
func (s *Store) Replies(ctx context.Context, sess engine.Session, p engine.Page, status []engine.DeliveryStatus) (l engine.List[engine.Reply], err error) {
	q := listing{table: "messages_out", columns: replyColumns, where: "TRUE", page: p, maxBytes: s.opts.Limits.PageBytes}
	err = s.read(ctx, sess, func(m *mailbox) error {
		if has, err := m.hasReplies(); err != nil || !has {
			return err
		}
		d, err := m.deliveries(s.opts.Now())
		if err != nil {
			return err
		}
		defer d.close()
		l, err = list(m.outbound, q, func(r *row) (engine.Reply, int64, bool, error) {
			reply := scanReply(r, sess)
			if err := d.of(&reply); err != nil {
				return reply, 0, false, err
			}
			return reply, int64(len(reply.Content)), len(status) == 0 || slices.Contains(status, reply.Delivery.Status), nil
		})
		return err
	})
	return l, err
}

// Reply reads one reply. See engine.ReplyReader.
func (s *Store) Reply(ctx context.Context, sess engine.Session, id string) (reply engine.Reply, err error) {
	err = s.read(ctx, sess, func(m *mailbox) (err error) {
		reply, err = m.reply(sess, id, s.opts.Now())
		return err
	})
	return reply, err
}

func (m *mailbox) reply(sess engine.Session, id string, now time.Time) (reply engine.Reply, err error) {
	found, err := m.hasReplies()
	if err == nil && found {
		found, err = queryOne(m.outbound, func(r *row) { reply = scanReply(r, sess) },
			"SELECT seq, rowid, "+replyColumns+" FROM messages_out WHERE id = ?", id)
	}
	if err != nil {
		return reply, err
	}
	if !found {
		return reply, engine.Errorf(engine.CodeNotFound, "there is no reply %q in session %s", id, sess.ID)
	}
	d, err := m.deliveries(now)
	if err != nil {
		return reply, err
	}
	defer d.close()
	return reply, d.of(&reply)
}

// hasReplies tells whether there is a table to read replies from: containers
// make only some of outbound.db's tables.
func (m *mailbox) hasReplies() (bool, error) {
	if m.outboundErr != nil {
		return false, m.outboundErr
	}
	return hasTable(m.outbound, "messages_out")
}

var deliveredSQL = "SELECT " + column("platform_message_id", maxText) + ", " + column("status", maxText) + ", " +
	column("delivered_at", maxText) + " FROM delivered WHERE message_out_id = ?"

// deliveries finds what became of replies.
type deliveries struct {
	now      time.Time
	settled  *sqlite3.Stmt
	dispatch *sqlite3.Stmt // nil: no reply of the session was noted yet
}

func (m *mailbox) deliveries(now time.Time) (d *deliveries, err error) {
	d = &deliveries{now: now}
	if d.settled, _, err = m.inbound.Prepare(deliveredSQL); err != nil {
		return nil, err
	}
	has, err := hasTable(m.inbound, "engine_outbox")
	if err == nil && has {
		d.dispatch, _, err = m.inbound.Prepare("SELECT " + dispatchColumns + " FROM engine_outbox WHERE message_out_id = ?")
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *deliveries) close() {
	d.settled.Close()
	if d.dispatch != nil {
		d.dispatch.Close()
	}
}

// of fills in what became of a reply. A row in delivered means settled.
func (d *deliveries) of(reply *engine.Reply) error {
	reply.Delivery = engine.Delivery{Status: engine.DeliveryPending, NextAttemptAt: reply.DeliverAfter}
	var way *engine.Dispatch
	if d.dispatch != nil {
		if err := d.dispatch.BindText(1, reply.ID); err != nil {
			return err
		}
		if d.dispatch.Step() {
			way = &engine.Dispatch{}
			scanDispatch(d.dispatch, way, false)
			reply.Delivery.Attempts, reply.Delivery.LastError, reply.Delivery.NextAttemptAt = way.Attempts, way.LastError, way.DueAt
		}
		if err := errors.Join(d.dispatch.Err(), d.dispatch.Reset()); err != nil {
			return err
		}
	}
	if err := d.settled.BindText(1, reply.ID); err != nil {
		return err
	}
	switch {
	case d.settled.Step():
		settle(&row{st: d.settled}, way, &reply.Delivery)
	case way != nil && way.State.Held():
		reply.Delivery.Status, reply.Delivery.NextAttemptAt = engine.DeliveryPaused, nil
	case way != nil && way.State == engine.DispatchTrying:
		reply.Delivery.NextAttemptAt = nil
		if way.LeaseUntil == nil || !d.now.Before(*way.LeaseUntil) {
			reply.Delivery.Status = engine.DeliveryUnknown
		}
	}
	return errors.Join(d.settled.Err(), d.settled.Reset())
}

func settle(r *row, way *engine.Dispatch, to *engine.Delivery) {
	to.Status, to.NextAttemptAt = engine.DeliveryUnknown, nil
	to.PlatformMessageID, to.SettledAt = r.text(0), r.time(2, "delivered_at")
	switch status := r.must(1, "status of the delivery"); {
	case status == "delivered":
		to.Status = engine.DeliveryDelivered
		to.Attempts = max(to.Attempts, 1)
	case status == "failed" && way != nil && way.State == engine.DispatchDropped:
		to.Status = engine.DeliveryDropped
	case status == "failed" && way != nil && way.State == engine.DispatchCancelled:
		to.Status = engine.DeliveryCancelled
	case status == "failed":
		to.Status = engine.DeliveryFailed
	}
}
