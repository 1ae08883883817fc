package agent

import (
	"errors"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// lookAgain bounds how long a change that does not show in the files' times
// goes unnoticed.
const lookAgain = 30 * time.Second

// look returns the messages that are due and nobody has claimed, and the
// context that waits to come along, both in order of seq. It costs two stats
// while nothing changes, and otherwise what is pending, not what ever was.
func (a *agent) look(now time.Time) (due, along []row, err error) {
	seen := a.signature()
	if a.looked && seen.same(a.seen) && now.Before(a.lookAt) {
		return nil, nil, nil
	}
	rows, err := a.pending()
	if err != nil {
		return nil, nil, err
	}
	lookAt := now.Add(lookAgain)
	if !seen.settled(now) {
		lookAt = now
	}
	ripe := rows[:0]
	triggers := false
	for _, r := range rows {
		if at, _ := r.due(); at.After(now) {
			if at.Before(lookAt) {
				lookAt = at
			}
			continue
		}
		if r.onWake && a.looked && !a.wake[r.id] {
			continue
		}
		triggers = triggers || r.trigger
		ripe = append(ripe, r)
	}
	acked := map[string]bool{}
	if triggers {
		if acked, err = a.acknowledged(ripe); err != nil {
			return nil, nil, err
		}
	}
	for _, r := range ripe {
		if r.onWake && !a.looked {
			a.wake[r.id] = true
		}
		switch {
		case acked[r.id]:
		case r.trigger:
			due = append(due, r)
		default:
			along = append(along, r)
		}
	}
	a.looked, a.seen, a.lookAt = true, seen, lookAt
	if len(due) > 0 {
		a.lookAt = now
	}
	return due, along, nil
}

// pending reads the rows that wait. The status is a literal, so that the
// engine's index on pending rows serves the query.
func (a *agent) pending() ([]row, error) {
	var rows []row
	err := a.use(inboundName, func(c *sqlite3.Conn) error {
		rows = nil
		columns, err := columnsOf(c)
		if err != nil {
			return err
		}
		st, _, err := c.Prepare(`SELECT id, seq, octet_length(content), ` + columns.or("process_after", "NULL") + `, ` +
			columns.or("trigger", "1") + `, ` + columns.or("on_wake", "0") + `
			FROM messages_in WHERE status = 'pending' ORDER BY seq`)
		if err != nil {
			return err
		}
		defer st.Close()
		var last []row
		for st.Step() {
			// An id that is not text could not be acknowledged.
			if st.ColumnType(0) != sqlite3.TEXT {
				continue
			}
			r := row{id: st.ColumnText(0), size: st.ColumnInt64(2), processAfter: text(st, 3),
				trigger: st.ColumnInt64(4) == 1, onWake: st.ColumnInt64(5) == 1}
			if st.ColumnType(1) == sqlite3.INTEGER {
				seq := st.ColumnInt64(1)
				r.seq = &seq
				rows = append(rows, r)
			} else {
				last = append(last, r)
			}
		}
		rows = append(rows, last...)
		return st.Err()
	})
	return rows, err
}

var errTooLarge = errors.New("its content is too large to be read")

// load reads a message and its context, leaving out what is no longer
// pending. found is false when the message itself is not.
func (a *agent) load(r row, along []row) (m message, rest []message, found bool, err error) {
	err = a.use(inboundName, func(c *sqlite3.Conn) error {
		rest, found = nil, false
		columns, err := columnsOf(c)
		if err != nil {
			return err
		}
		st, _, err := c.Prepare(`SELECT content, kind, timestamp, ` + columns.or("platform_id", "NULL") + `, ` +
			columns.or("channel_type", "NULL") + `, ` + columns.or("thread_id", "NULL") + `, ` +
			columns.or("source_session_id", "NULL") + `, ` + columns.or("tries", "0") + `
			FROM messages_in WHERE id = ? AND status = 'pending'`)
		if err != nil {
			return err
		}
		defer st.Close()
		if m, found, err = one(st, r); err != nil || !found {
			return err
		}
		for _, r := range along {
			m, ok, err := one(st, r)
			if err != nil {
				return err
			}
			if ok {
				rest = append(rest, m)
			}
		}
		return nil
	})
	if errors.Is(err, sqlite3.TOOBIG) {
		return message{row: r}, nil, true, errTooLarge
	}
	return m, rest, found, err
}

func one(st *sqlite3.Stmt, r row) (m message, found bool, err error) {
	if err := errors.Join(st.Reset(), st.BindText(1, r.id)); err != nil {
		return message{}, false, err
	}
	if !st.Step() {
		return message{}, false, st.Err()
	}
	m = message{row: r, content: string(st.ColumnRawBlob(0)), kind: text(st, 1), timestamp: text(st, 2), platformID: text(st, 3),
		channelType: text(st, 4), threadID: text(st, 5), sourceSessionID: text(st, 6), tries: st.ColumnInt64(7)}
	return m, true, nil
}

// maxSeq is the highest sequence number that is believed: above it, a reader
// in JavaScript would confuse neighbours.
const maxSeq = 1<<53 - 1

// highest returns the highest valid sequence number of a table, 0 if it has none.
func highest(c *sqlite3.Conn, table string) (int64, error) {
	st, _, err := c.Prepare(`SELECT max(seq) FROM ` + table + ` WHERE seq BETWEEN 0 AND ?`)
	if err != nil {
		return 0, err
	}
	defer st.Close()
	if err := st.BindInt64(1, maxSeq); err != nil {
		return 0, err
	}
	var seq int64
	if st.Step() {
		seq = st.ColumnInt64(0)
	}
	return seq, st.Err()
}

// columns are those that messages_in has: older hosts made fewer.
type columns map[string]bool

func columnsOf(c *sqlite3.Conn) (columns, error) {
	st, _, err := c.Prepare(`SELECT name FROM pragma_table_info('messages_in')`)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	names := columns{}
	for st.Step() {
		names[strings.ToLower(st.ColumnText(0))] = true
	}
	return names, st.Err()
}

func (c columns) or(name, otherwise string) string {
	if c[name] {
		return `"` + name + `"`
	}
	return otherwise
}

// text returns a column that is text, nil for anything else.
func text(st *sqlite3.Stmt, column int) *string {
	if st.ColumnType(column) != sqlite3.TEXT {
		return nil
	}
	s := st.ColumnText(column)
	return &s
}
