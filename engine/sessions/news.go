package sessions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// newsContent is how much of a content an index is given, in characters.
const newsContent = 16 << 10

// beginning is a list of columns with the content cut off.
func beginning(columns string) string {
	whole := column("content", maxValueBytes/2)
	return strings.Replace(columns, whole, fmt.Sprintf("substr(%s, 1, %d)", whole, newsContent), 1)
}

// News reads for an index. See engine.NewsReader.
func (s *Store) News(ctx context.Context, sess engine.Session, messages, replies string, ids engine.MailIDs, limit int) (n engine.News, err error) {
	in := listing{table: "messages_in", columns: beginning(messageColumns), where: "TRUE", page: engine.Page{Limit: limit, Cursor: messages}, maxBytes: s.opts.Limits.PageBytes}
	out := listing{table: "messages_out", columns: beginning(replyColumns), where: "TRUE", page: engine.Page{Limit: limit, Cursor: replies}, maxBytes: s.opts.Limits.PageBytes}
	err = s.read(ctx, sess, func(m *mailbox) error {
		n = engine.News{MessagesEnd: messages, RepliesEnd: replies}
		if err := m.messageNews(sess, in, ids.Messages, &n); err != nil {
			return err
		}
		// A container may have made anything of its file: that takes nothing from
		// what the engine wrote.
		n.Problem = m.replyNews(sess, out, ids.Replies, s.opts.Now(), &n)
		return nil
	})
	return n, err
}

func (m *mailbox) messageNews(sess engine.Session, q listing, ids []string, n *engine.News) error {
	acks := m.acks()
	defer acks.close()
	more, err := newSeries(m.inbound)
	if err != nil {
		return err
	}
	defer more.close()
	scan := func(r *row) (engine.Message, int64, bool, error) {
		message := scanMessage(r, sess)
		return message, int64(len(message.Content)), true, errors.Join(acks.apply(&message), more.retried(&message))
	}
	l, err := list(m.inbound, q, scan)
	if err != nil {
		return err
	}
	n.Messages, n.More = l.Items, n.More || l.HasNext
	if len(l.Cursors) > 0 {
		n.MessagesEnd = l.Cursors[len(l.Cursors)-1]
	}
	return eachID(m.inbound, q, ids, func(r *row) error {
		message, _, _, err := scan(r)
		n.Messages = append(n.Messages, message)
		return err
	})
}

func (m *mailbox) replyNews(sess engine.Session, q listing, ids []string, now time.Time, n *engine.News) error {
	if has, err := m.hasReplies(); err != nil || !has {
		return err
	}
	d, err := m.deliveries(now)
	if err != nil {
		return err
	}
	defer d.close()
	scan := func(r *row) (engine.Reply, int64, bool, error) {
		reply := scanReply(r, sess)
		return reply, int64(len(reply.Content)), true, d.of(&reply)
	}
	l, err := list(m.outbound, q, scan)
	if err != nil {
		return err
	}
	n.Replies, n.More = l.Items, n.More || l.HasNext
	if len(l.Cursors) > 0 {
		n.RepliesEnd = l.Cursors[len(l.Cursors)-1]
	}
	return eachID(m.outbound, q, ids, func(r *row) error {
		reply, _, _, err := scan(r)
		n.Replies = append(n.Replies, reply)
		return err
	})
}

// eachID calls take with the row of each id that has one.
func eachID(c *sqlite3.Conn, q listing, ids []string, take func(*row) error) error {
	if len(ids) == 0 {
		return nil
	}
	st, _, err := c.Prepare("SELECT seq, rowid, " + q.columns + " FROM " + q.table + " WHERE id = ?")
	if err != nil {
		return err
	}
	defer st.Close()
	for _, id := range ids {
		if err := st.BindText(1, id); err != nil {
			return err
		}
		if st.Step() {
			err = take(&row{st: st})
		}
		if err := errors.Join(err, st.Err(), st.Reset()); err != nil {
			return err
		}
	}
	return nil
}

// Modified is the later of the two files' times. See engine.NewsReader.
func (s *Store) Modified(sess engine.Session) (at time.Time, err error) {
	f, err := s.enter(sess)
	if err != nil {
		return at, err
	}
	defer f.close()
	for _, name := range [...]string{inboundName, outboundName} {
		st, err := f.dir.stat(name)
		if err != nil {
			return at, fault(name, err)
		}
		if t := time.Unix(st.Mtim.Unix()); t.After(at) {
			at = t
		}
	}
	return at, nil
}
