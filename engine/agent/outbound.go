package agent

import (
	_ "embed"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// outboundSchema makes what is missing: the agent may be the first to write.
//
//go:embed outbound.sql
var outboundSchema string

const (
	processing = "processing"
	completed  = "completed"
	failed     = "failed"
)

// reply is a row of messages_out to be. It is addressed as the message says.
type reply struct {
	id      string
	content string
}

// write runs work in a transaction of outbound.db.
func (a *agent) write(work func(*sqlite3.Conn) error) error {
	return a.use(outboundName, func(c *sqlite3.Conn) error {
		if err := c.Exec(`BEGIN IMMEDIATE`); err != nil {
			return err
		}
		// On an error, closing the connection rolls back.
		if err := work(c); err != nil {
			return err
		}
		return c.Exec(`COMMIT`)
	})
}

// takeOver makes the tables and forgets what a predecessor left half done:
// its claims, so that the work is done again, and files of replies that were
// never written.
func (a *agent) takeOver() error {
	var claims int64
	err := a.write(func(c *sqlite3.Conn) error {
		if err := c.Exec(outboundSchema); err != nil {
			return err
		}
		if err := run(c, `DELETE FROM processing_ack WHERE status = ?`, processing); err != nil {
			return err
		}
		claims = c.Changes()
		return nil
	})
	if err != nil {
		return err
	}
	if claims > 0 {
		a.Log.Info("a predecessor left work unfinished; it is done again", "messages", claims)
	}
	return a.clearOutbox()
}

// acknowledged returns the ids of rows that have an acknowledgement, of
// whatever status.
func (a *agent) acknowledged(rows []row) (map[string]bool, error) {
	var acked map[string]bool
	err := a.use(outboundName, func(c *sqlite3.Conn) error {
		acked = map[string]bool{}
		for _, r := range rows {
			status, err := ackOf(c, r.id)
			if err != nil {
				return err
			}
			if status != nil {
				acked[r.id] = true
			}
		}
		return nil
	})
	return acked, err
}

// claim marks a message and its context as being worked on. It returns the
// context that nobody else has, and false when somebody has the message.
func (a *agent) claim(m message, along []message) (mine []message, ok bool, err error) {
	err = a.write(func(c *sqlite3.Conn) error {
		mine, ok = nil, false
		if ok, err := claimOne(c, m.id); err != nil || !ok {
			return err
		}
		ok = true
		for _, m := range along {
			got, err := claimOne(c, m.id)
			if err != nil {
				return err
			}
			if got {
				mine = append(mine, m)
			}
		}
		return nil
	})
	return mine, ok, err
}

func claimOne(c *sqlite3.Conn, id string) (bool, error) {
	status, err := ackOf(c, id)
	if err != nil || status != nil {
		return false, err
	}
	return true, acknowledge(c, id, processing)
}

var (
	errSettled = errors.New("somebody else has acknowledged the message")
	errNoSeq   = errors.New("the session has used up its sequence numbers")
)

// finish acknowledges a message and its context, and writes the reply, if
// there is one, in the same transaction: neither is seen without the other.
// A failed turn has used its context up as well: context that makes a command
// fail must not make it fail for ever.
func (a *agent) finish(m message, along []message, status string, r *reply) error {
	return a.write(func(c *sqlite3.Conn) error {
		old, err := ackOf(c, m.id)
		if err != nil {
			return err
		}
		if old != nil && *old != processing {
			return settled(c, r)
		}
		if err := acknowledge(c, m.id, status); err != nil {
			return err
		}
		for _, m := range along {
			if err := acknowledge(c, m.id, completed); err != nil {
				return err
			}
		}
		if r == nil {
			return nil
		}
		seq, err := a.nextSeq(c)
		if err != nil {
			return err
		}
		return run(c, `INSERT INTO messages_out (id, seq, in_reply_to, timestamp, kind, platform_id, channel_type, thread_id, content)
			VALUES (?, ?, ?, ?, 'chat', ?, ?, ?, ?)`,
			r.id, seq, m.id, engine.FormatTime(time.Now()), m.platformID, m.channelType, m.threadID, r.content)
	})
}

// nextSeq is the next odd number above both files. Its caller holds the write
// lock of outbound.db. While inbound.db cannot be read, a finished reply is
// not held up: the numbers of the two files differ in parity, so only the
// order could suffer.
func (a *agent) nextSeq(out *sqlite3.Conn) (int64, error) {
	seq, err := highest(out, "messages_out")
	if err != nil {
		return 0, err
	}
	var in int64
	err = a.use(inboundName, func(c *sqlite3.Conn) (err error) {
		in, err = highest(c, "messages_in")
		return err
	})
	if err != nil {
		a.Log.Warn("a reply is numbered without a look at the messages", "error", err)
	}
	next := (max(seq, in) + 1) | 1
	if next > maxSeq {
		return 0, errNoSeq
	}
	return next, nil
}

// settled is for a message that is acknowledged already: by an earlier try of
// ours whose commit only seemed to fail, or by somebody else.
func settled(c *sqlite3.Conn, r *reply) error {
	if r == nil {
		return nil
	}
	ours, err := hasReply(c, r.id)
	if err == nil && !ours {
		err = errSettled
	}
	return err
}

func hasReply(c *sqlite3.Conn, id string) (bool, error) {
	st, _, err := c.Prepare(`SELECT 1 FROM messages_out WHERE id = ?`)
	if err != nil {
		return false, err
	}
	defer st.Close()
	if err := st.BindText(1, id); err != nil {
		return false, err
	}
	return st.Step(), st.Err()
}

// ackOf returns the status of an acknowledgement, nil if there is none.
func ackOf(c *sqlite3.Conn, id string) (*string, error) {
	st, _, err := c.Prepare(`SELECT status FROM processing_ack WHERE message_id = ?`)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	if err := st.BindText(1, id); err != nil {
		return nil, err
	}
	if !st.Step() {
		return nil, st.Err()
	}
	status := st.ColumnText(0)
	return &status, nil
}

func acknowledge(c *sqlite3.Conn, id, status string) error {
	return run(c, `INSERT OR REPLACE INTO processing_ack (message_id, status, status_changed) VALUES (?, ?, ?)`,
		id, status, engine.FormatTime(time.Now()))
}

// run executes one statement; args are string, *string and int64.
func run(c *sqlite3.Conn, sql string, args ...any) error {
	st, _, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	defer st.Close()
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			err = st.BindText(i+1, v)
		case int64:
			err = st.BindInt64(i+1, v)
		case *string:
			if err = st.BindNull(i + 1); v != nil {
				err = st.BindText(i+1, *v)
			}
		}
		if err != nil {
			return err
		}
	}
	return st.Exec()
}
