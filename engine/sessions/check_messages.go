package sessions

import (
	"encoding/json"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// messages looks at all rows of messages_in, and returns the folders of the
// inbox that they name. complete says that none was left out.
func (c *inspection) messages(d *dir, in, out *sqlite3.Conn) (named map[string]bool, complete bool) {
	named = map[string]bool{}
	acks := &acks{} // none
	if out != nil {
		acks = (&mailbox{outbound: out}).acks()
	}
	defer acks.close()
	zones, err := newSeries(in)
	if err != nil {
		c.broken(inboundName, restore, "table engine_series cannot be read: %s", sentence(fault(inboundName, err)))
		return nil, false
	}
	defer zones.close()
	c.pruned = prunedFolders(in)
	waiting := 0
	ok := c.rows(in, inboundName, "SELECT seq, rowid, "+messageColumns+" FROM messages_in", func(r *row) {
		m := c.message(d, r, named)
		if status, err := acks.of(m.ID); err == nil && m.Status == engine.MessagePending && (status == "completed" || status == "failed") && m.Recurrence == nil {
			waiting++ // a series goes on when the engine runs
		}
		if m.Recurrence != nil && zones.apply(&m) == nil {
			if _, err := engine.NextRun(*m.Recurrence, m.TimeZone, c.now); err != nil {
				c.broken(inboundName, "cancel the series and write it again", "message %q: %s", clip(m.ID), sentence(err))
			}
		}
	})
	if waiting > 0 {
		c.found(fixAcks, inboundName, "%d messages are pending that the container has acknowledged", waiting)
	}
	c.duplicates(in, inboundName, "messages_in")
	return named, ok
}

// series looks at what the engine keeps of messages that recur.
func (c *inspection) series(in *sqlite3.Conn) {
	sql := "SELECT " + column("message_id", maxText) + ", " + column("missed_runs", maxText) + ", " + column("scheduled_at", maxText) + " FROM engine_series"
	c.rows(in, inboundName, sql, func(r *row) {
		wrong := func(format string, args ...any) {
			c.broken(inboundName, "cancel the series and write it again", "series of message %q: "+format, append([]any{clip(r.or(0))}, args...)...)
		}
		switch engine.MissedRuns(r.or(1)) {
		case engine.MissedOnce, engine.MissedAll, engine.MissedSkip:
		default:
			wrong("missed_runs %q is not a policy", clip(r.or(1)))
		}
		c.time(r.text(2), true, wrong, "scheduled_at")
	})
}

const askOwner = "correct it by hand, with the engine and the container stopped"

// message looks at one row.
func (c *inspection) message(d *dir, r *row, named map[string]bool) engine.Message {
	m := scanMessage(r, c.session)
	wrong := func(format string, args ...any) {
		c.broken(inboundName, askOwner, "message %q: "+format, append([]any{clip(m.ID)}, args...)...)
	}
	switch {
	case m.Seq == nil || *m.Seq > maxSeq:
		wrong("seq is missing or not a valid sequence number")
	case *m.Seq%2 != 0:
		wrong("seq %d is odd: odd numbers are the container's", *m.Seq)
	}
	if m.Status == engine.MessageUnknown {
		wrong("status %q is none of the protocol's", clip(r.or(5)))
	}
	if m.Kind == "" {
		wrong("it has no kind")
	}
	c.time(r.text(4), true, wrong, "timestamp")
	switch after := r.text(10); {
	case after != nil && *after == "":
		c.found(fixRows, inboundName, "message %q: process_after is an empty text, which containers never find due", clip(m.ID))
	default:
		c.time(after, false, wrong, "process_after")
	}
	if m.Recurrence != nil && *m.Recurrence == "" {
		c.found(fixRows, inboundName, "message %q: recurrence is an empty text", clip(m.ID))
		m.Recurrence = nil
	}
	if m.SeriesID == nil || *m.SeriesID == "" {
		c.found(fixRows, inboundName, "message %q: it has no series_id", clip(m.ID))
	}
	for i, name := range map[int]string{13: "tries", 14: "trigger", 15: "on_wake"} {
		if r.st.ColumnType(i) != sqlite3.INTEGER || r.st.ColumnInt64(i) < 0 {
			wrong("%s is not a number", name)
		}
	}
	if r.text(6) == nil {
		wrong("content is missing or too long")
	} else if p := engine.StoredContentProblem(m.Kind, m.Content); p != "" {
		wrong("%s", p)
	}
	c.attachments(d, m, named)
	return m
}

// attachments looks for the files that a message names.
func (c *inspection) attachments(d *dir, m engine.Message, named map[string]bool) {
	var content struct{ Attachments []json.RawMessage }
	if !strings.Contains(m.Content, `"localPath"`) || json.Unmarshal([]byte(m.Content), &content) != nil {
		return
	}
	for _, element := range content.Attachments {
		var a struct{ LocalPath string }
		if json.Unmarshal(element, &a) != nil || !strings.HasPrefix(a.LocalPath, inboxName+"/") {
			continue
		}
		if parts := strings.SplitN(a.LocalPath, "/", 3); len(parts) == 3 {
			named[parts[1]] = true
			if c.pruned[parts[1]] {
				continue
			}
		}
		f, err := openIn(d, a.LocalPath)
		if err != nil {
			c.broken(clip(a.LocalPath), "ask its sender for it again", "message %q names it, and it is not there as a file", clip(m.ID))
			continue
		}
		f.Close()
	}
}

// leftovers are folders of the inbox that no row names.
func (c *inspection) leftovers(in *sqlite3.Conn, folders []string, named map[string]bool) {
	for _, name := range folders {
		if named[name] {
			continue
		}
		mentioned, err := queryOne(in, func(*row) {}, `SELECT 1, 1 FROM messages_in WHERE instr(content, ?)`, inboxName+"/"+name+"/")
		if err == nil && !mentioned {
			c.unnamed = append(c.unnamed, name)
			c.found(fixInbox, inboxName+"/"+name, "no message names it: a write that was never acknowledged left it")
		}
	}
}

// delivered looks at the outcomes of replies.
func (c *inspection) delivered(in *sqlite3.Conn) {
	sql := "SELECT " + column("message_out_id", maxText) + ", " + column("status", maxText) + ", " + column("delivered_at", maxText) + " FROM delivered"
	c.rows(in, inboundName, sql, func(r *row) {
		wrong := func(format string, args ...any) {
			c.broken(inboundName, askOwner, "outcome of reply %q: "+format, append([]any{clip(r.or(0))}, args...)...)
		}
		if s := r.or(1); s != "delivered" && s != "failed" {
			wrong("status %q is none of the protocol's", clip(s))
		}
		c.time(r.text(2), true, wrong, "delivered_at")
	})
}
