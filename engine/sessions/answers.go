package sessions

import (
	"context"
	"errors"

	"github.com/twinbox/twinbox/engine"
)

// errFull ends what reads rows when a page has no room for more.
var errFull = errors.New("the page is full")

// Answers reads the replies to a message. See engine.NewsReader.
func (s *Store) Answers(ctx context.Context, sess engine.Session, messageID string, ids []string, behind string, limit int) (answers []engine.Reply, more bool, err error) {
	q := listing{table: "messages_out", columns: replyColumns, where: "TRUE", page: engine.Page{Limit: limit, Cursor: behind}, maxBytes: s.opts.Limits.PageBytes}
	err = s.read(ctx, sess, func(m *mailbox) error {
		answers, more = nil, false
		if has, err := m.hasReplies(); err != nil || !has {
			return err
		}
		d, err := m.deliveries(s.opts.Now())
		if err != nil {
			return err
		}
		defer d.close()
		size := int64(0)
		take := func(reply engine.Reply) error {
			if reply.InReplyTo == nil || *reply.InReplyTo != messageID {
				return nil
			}
			if size += int64(len(reply.Content)); len(answers) > 0 && size > q.maxBytes {
				more = true
				return errFull
			}
			answers = append(answers, reply)
			return d.of(&answers[len(answers)-1])
		}
		err = eachID(m.outbound, q, ids, func(r *row) error { return take(scanReply(r, sess)) })
		if err == nil {
			_, err = list(m.outbound, q, func(r *row) (reply engine.Reply, size int64, keep bool, err error) {
				reply = scanReply(r, sess)
				return reply, int64(len(reply.Content)), true, take(reply)
			})
		}
		if errors.Is(err, errFull) {
			return nil
		}
		return err
	})
	return answers, more, err
}
