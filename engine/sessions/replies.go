package sessions

import (
	"context"
	"errors"
	"slices"
	"strings"

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
		settled, _, err := m.inbound.Prepare(deliveredSQL)
		if err != nil {
			return err
		}
		defer settled.Close()
		l, err = list(m.outbound, q, func(r *row) (engine.Reply, int64, bool, error) {
			reply := scanReply(r, sess)
			if err := delivery(settled, &reply); err != nil {
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
	err = s.read(ctx, sess, func(m *mailbox) error {
		found, err := m.hasReplies()
		if err == nil && found {
			found, err = queryOne(m.outbound, func(r *row) { reply = scanReply(r, sess) },
				"SELECT seq, rowid, "+replyColumns+" FROM messages_out WHERE id = ?", id)
		}
		if err != nil {
			return err
		}
		if !found {
			return engine.Errorf(engine.CodeNotFound, "there is no reply %q in session %s", id, sess.ID)
		}
		settled, _, err := m.inbound.Prepare(deliveredSQL)
		if err != nil {
			return err
		}
		defer settled.Close()
		return delivery(settled, &reply)
	})
	return reply, err
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

// delivery fills in what became of a reply. A row in delivered means settled.
func delivery(settled *sqlite3.Stmt, reply *engine.Reply) error {
	reply.Delivery = engine.Delivery{Status: engine.DeliveryPending}
	if err := settled.BindText(1, reply.ID); err != nil {
		return err
	}
	if settled.Step() {
		r := &row{st: settled}
		reply.Delivery = engine.Delivery{Status: engine.DeliveryUnknown, PlatformMessageID: r.text(0), SettledAt: r.time(2, "delivered_at")}
		switch r.must(1, "status of the delivery") {
		case "delivered":
			reply.Delivery.Status = engine.DeliveryDelivered
		case "failed":
			reply.Delivery.Status = engine.DeliveryFailed
		}
	}
	return errors.Join(settled.Err(), settled.Reset())
}
