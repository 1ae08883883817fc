package sessions

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// messageColumns follow seq and rowid; scanMessage reads them. A table of
// ours that another host's folder lacks is not named here.
var messageColumns = strings.Join([]string{
	column("id", maxText), column("kind", maxText), column("timestamp", maxText), column("status", maxText),
	column("content", maxValueBytes/2), column("platform_id", maxText), column("channel_type", maxText), column("thread_id", maxText),
	column("process_after", maxText), column("recurrence", maxText), column("series_id", maxText), "tries", `"trigger"`, "on_wake",
	column("source_session_id", maxText),
}, ", ")

func scanMessage(r *row, sess engine.Session) engine.Message {
	m := engine.Message{SessionID: sess.ID,
		Seq: r.seq(0), ID: r.must(2, "id"), Kind: r.must(3, "kind"), Timestamp: r.time(4, "timestamp"),
		Content: r.must(6, "content"), Route: engine.Route{PlatformID: r.text(7), ChannelType: r.text(8), ThreadID: r.text(9)},
		ProcessAfter: r.time(10, "process_after"), Recurrence: r.text(11), SeriesID: r.text(12),
		Tries: int(min(r.integer(13, "tries", 0), 1<<31-1)), Trigger: r.integer(14, "trigger", 1) != 0, OnWake: r.integer(15, "on_wake", 0) != 0,
		SourceSessionID: r.text(16)}
	var known bool
	if m.Status, known = messageStatus[r.must(5, "status")]; !known {
		m.Status = engine.MessageUnknown
		r.wrong("status is none of the protocol's")
	}
	m.Problem = r.problems()
	return m
}

var messageStatus = map[string]engine.MessageStatus{
	"pending": engine.MessagePending, "paused": engine.MessagePaused, "completed": engine.MessageCompleted,
	"failed": engine.MessageFailed, "cancelled": engine.MessageCancelled,
}

// Messages lists messages. See engine.MessageReader.
func (s *Store) Messages(ctx context.Context, sess engine.Session, p engine.Page, status []engine.MessageStatus) (l engine.List[engine.Message], err error) {
	q := listing{table: "messages_in", columns: messageColumns, where: whereStatus(status), page: p, maxBytes: s.opts.Limits.PageBytes}
	news := false
	err = s.read(ctx, sess, func(m *mailbox) error {
		acks := m.acks()
		defer acks.close()
		more, err := newSeries(m.inbound)
		if err != nil {
			return err
		}
		defer more.close()
		l, err = list(m.inbound, q, func(r *row) (engine.Message, int64, bool, error) {
			m := scanMessage(r, sess)
			if err := acks.apply(&m); err != nil {
				return m, 0, false, err
			}
			if len(status) > 0 && !slices.Contains(status, m.Status) {
				return m, 0, false, nil
			}
			acks.times(&m, s.opts.Now())
			return m, int64(len(m.Content)), true, more.apply(&m)
		})
		news = acks.news
		return err
	})
	if news {
		s.watcher.watch(sess)
	}
	return l, err
}

// whereStatus narrows what is read to what may have one of the statuses: a
// pending row may turn out to be claimed, completed or failed.
func whereStatus(status []engine.MessageStatus) string {
	var terms []string
	for _, w := range []struct {
		sql string
		of  []engine.MessageStatus
	}{
		{"status = 'pending'", []engine.MessageStatus{engine.MessagePending, engine.MessageProcessing, engine.MessageCompleted, engine.MessageFailed}},
		{"status = 'completed'", []engine.MessageStatus{engine.MessageCompleted}},
		{"status = 'failed'", []engine.MessageStatus{engine.MessageFailed}},
		{"status = 'paused'", []engine.MessageStatus{engine.MessagePaused, engine.MessageProcessing, engine.MessageCompleted, engine.MessageFailed}},
		{"status = 'cancelled'", []engine.MessageStatus{engine.MessageCancelled}},
		{"status IS NULL OR status NOT IN ('pending', 'completed', 'failed', 'paused', 'cancelled')", []engine.MessageStatus{engine.MessageUnknown}},
	} {
		if slices.ContainsFunc(w.of, func(s engine.MessageStatus) bool { return slices.Contains(status, s) }) {
			terms = append(terms, w.sql)
		}
	}
	if len(terms) == 0 {
		return "TRUE"
	}
	return "(" + strings.Join(terms, " OR ") + ")"
}

// Message reads one message. See engine.MessageReader.
func (s *Store) Message(ctx context.Context, sess engine.Session, id string) (engine.Message, error) {
	all, err := s.messagesOf(ctx, sess, []string{id})
	if err != nil {
		return engine.Message{}, err
	}
	return all[0], nil
}

// messagesOf reads messages, of which none is missing.
func (s *Store) messagesOf(ctx context.Context, sess engine.Session, ids []string) (all []engine.Message, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = s.read(ctx, sess, func(box *mailbox) error {
		all = make([]engine.Message, 0, len(ids))
		acks := box.acks()
		defer acks.close()
		more, err := newSeries(box.inbound)
		if err != nil {
			return err
		}
		defer more.close()
		for _, id := range ids {
			var m engine.Message
			found, err := queryOne(box.inbound, func(r *row) { m = scanMessage(r, sess) },
				"SELECT seq, rowid, "+messageColumns+" FROM messages_in WHERE id = ?", id)
			if err != nil {
				return err
			}
			if !found {
				return engine.Errorf(engine.CodeNotFound, "there is no message %q in session %s", id, sess.ID)
			}
			if err := errors.Join(acks.apply(&m), more.apply(&m)); err != nil {
				return err
			}
			acks.times(&m, s.opts.Now())
			all = append(all, m)
		}
		return nil
	})
	return all, err
}

// message reads one message within a transaction; nil if there is none.
func (in *inbox) message(sess engine.Session, id string) (m *engine.Message, err error) {
	found, err := in.queryRow(func(st *sqlite3.Stmt) {
		read := scanMessage(&row{st: st}, sess)
		m = &read
	}, "SELECT seq, rowid, "+messageColumns+" FROM messages_in WHERE id = ?", id)
	if err != nil || !found || m.Recurrence == nil {
		return m, err
	}
	if has, err := in.hasTable("engine_series"); err != nil || !has {
		return m, err
	}
	_, err = in.queryRow(func(st *sqlite3.Stmt) { m.TimeZone = (&row{st: st}).text(0) }, `SELECT time_zone FROM engine_series WHERE message_id = ?`, id)
	return m, err
}

// series reads what messages_in has no column for. Its statements are nil
// where the folder lacks the table.
type series struct{ zone, reason, retry *sqlite3.Stmt }

func newSeries(c *sqlite3.Conn) (*series, error) {
	var s series
	for _, t := range []struct {
		table, sql string
		to         **sqlite3.Stmt
	}{
		{"engine_series", `SELECT ` + column("time_zone", maxText) + ` FROM engine_series WHERE message_id = ?`, &s.zone},
		{"engine_reason", `SELECT ` + column("reason", maxText) + ` FROM engine_reason WHERE message_id = ?`, &s.reason},
		{"engine_retry", `SELECT ` + column("retry_id", maxText) + ` FROM engine_retry WHERE message_id = ?`, &s.retry},
	} {
		has, err := hasTable(c, t.table)
		if err == nil && has {
			*t.to, _, err = c.Prepare(t.sql)
		}
		if err != nil {
			s.close()
			return nil, err
		}
	}
	return &s, nil
}

func (s *series) apply(m *engine.Message) (err error) {
	if m.Recurrence != nil {
		m.TimeZone, err = lookUp(s.zone, m.ID)
	}
	if m.Problem == nil && m.Status != engine.MessagePending {
		var failed error
		m.Problem, failed = lookUp(s.reason, m.ID)
		err = errors.Join(err, failed)
	}
	return errors.Join(err, s.retried(m))
}

// retried says what was written in the place of a message.
func (s *series) retried(m *engine.Message) (err error) {
	if m.Status != engine.MessagePending {
		m.RetriedAs, err = lookUp(s.retry, m.ID)
	}
	return err
}

// lookUp returns the text that a statement finds for an id.
func lookUp(st *sqlite3.Stmt, id string) (s *string, err error) {
	if st == nil {
		return nil, nil
	}
	if err := st.BindText(1, id); err != nil {
		return nil, err
	}
	if st.Step() {
		s = (&row{st: st}).text(0)
	}
	return s, errors.Join(st.Err(), st.Reset())
}

func (s *series) close() {
	for _, st := range []*sqlite3.Stmt{s.zone, s.reason, s.retry} {
		if st != nil {
			st.Close()
		}
	}
}

// hasTable looks for a table in a connection's database, attached or not.
func hasTable(c *sqlite3.Conn, name string) (bool, error) {
	_, _, _, _, _, err := c.TableColumnMetadata("", name, "")
	if errors.Is(err, sqlite3.ERROR) {
		return false, nil // there is none
	}
	return err == nil, err
}

func (in *inbox) hasTable(name string) (bool, error) {
	return in.queryRow(func(*sqlite3.Stmt) {}, `SELECT 1 FROM box.sqlite_schema WHERE type = 'table' AND name = ?`, name)
}

// queryOne calls scan with the first row, if there is one.
func queryOne(c *sqlite3.Conn, scan func(*row), sql string, args ...any) (found bool, err error) {
	st, _, err := c.Prepare(sql)
	if err != nil {
		return false, err
	}
	defer st.Close()
	if err := bind(st, args); err != nil {
		return false, err
	}
	if found = st.Step(); found {
		scan(&row{st: st})
	}
	return found, st.Err()
}
