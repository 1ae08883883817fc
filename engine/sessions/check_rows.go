package sessions

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// rows visits all rows of a query, and reports whether it reached their end.
func (c *inspection) rows(db *sqlite3.Conn, name, sql string, visit func(*row)) bool {
	st, _, err := db.Prepare(sql)
	if err == nil {
		defer st.Close()
		for st.Step() {
			visit(&row{st: st})
		}
		err = st.Err()
	}
	if err != nil {
		c.broken(name, restore, "it cannot be read to its end: %s", sentence(fault(name, err)))
	}
	return err == nil
}

// or is text with "" for NULL.
func (r *row) or(i int) string {
	if s := r.text(i); s != nil {
		return *s
	}
	return ""
}

// time notes a text that is not a time. NULL is none, where it may be.
func (c *inspection) time(s *string, must bool, wrong func(string, ...any), name string) {
	if s == nil {
		if must {
			wrong("%s is missing or too long", name)
		}
		return
	}
	if _, err := engine.ParseTime(*s); err != nil {
		wrong("%s %q is not a time", name, clip(*s))
	}
}

// duplicates looks past the index, which may be damaged, or missing in a file
// of another host.
func (c *inspection) duplicates(db *sqlite3.Conn, name, table string) {
	c.rows(db, name, "SELECT seq, count(*) FROM "+table+" WHERE typeof(seq) = 'integer' GROUP BY +seq HAVING count(*) > 1 LIMIT 10", func(r *row) {
		c.broken(name, askOwner, "%d rows of %s have the seq %d", r.st.ColumnInt64(1), table, r.st.ColumnInt64(0))
	})
}

const askContainer = "the container wrote it: correct its program"

// replies looks at all rows of messages_out.
func (c *inspection) replies(out *sqlite3.Conn) {
	c.rows(out, outboundName, "SELECT seq, rowid, "+replyColumns+" FROM messages_out", func(r *row) {
		m := scanReply(r, c.session)
		wrong := func(format string, args ...any) {
			c.broken(outboundName, askContainer, "reply %q: "+format, append([]any{clip(m.ID)}, args...)...)
		}
		switch {
		case m.Seq == nil:
			wrong("seq is missing or not a valid sequence number")
		case *m.Seq%2 == 0:
			wrong("seq %d is even: even numbers are the engine's", *m.Seq)
		}
		if m.Kind == "" {
			wrong("it has no kind")
		}
		if r.text(6) == nil {
			wrong("content is missing or too long")
		}
		c.time(r.text(4), true, wrong, "timestamp")
		c.time(r.text(10), false, wrong, "deliver_after")
	})
	c.duplicates(out, outboundName, "messages_out")
}

// claims looks at all rows of processing_ack.
func (c *inspection) claims(out *sqlite3.Conn) {
	orphans := 0
	sql := "SELECT " + column("message_id", maxText) + ", " + column("status", maxText) + ", " + column("status_changed", maxText) + " FROM processing_ack"
	c.rows(out, outboundName, sql, func(r *row) {
		wrong := func(format string, args ...any) {
			c.broken(outboundName, askContainer, "acknowledgement of %q: "+format, append([]any{clip(r.or(0))}, args...)...)
		}
		c.time(r.text(2), true, wrong, "status_changed")
		if r.or(1) == "processing" && c.gone() {
			orphans++
		}
	})
	if orphans > 0 {
		c.found(fixGone, outboundName, "%d messages are claimed by a container that is gone", orphans)
	}
}

// containerState looks at what the container says of its tool.
func (c *inspection) containerState(out *sqlite3.Conn) {
	sql := "SELECT " + column("tool_started_at", maxText) + ", " + column("updated_at", maxText) + " FROM container_state"
	c.rows(out, outboundName, sql, func(r *row) {
		wrong := func(format string, args ...any) {
			c.broken(outboundName, askContainer, "container_state: "+format, args...)
		}
		c.time(r.text(0), false, wrong, "tool_started_at")
		c.time(r.text(1), true, wrong, "updated_at")
	})
}
