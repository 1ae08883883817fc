package index

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// Place implements engine.MailIndex.
func (x *Index) Place(ctx context.Context) (p engine.IndexPlace, err error) {
	err = x.read(ctx, "read how far the index has come", func(c *database.Conn) error {
		return c.Each(`SELECT event, at, since, sweep, cursor FROM place`, func(s *sqlite3.Stmt) error {
			p = engine.IndexPlace{Event: s.ColumnInt64(0), At: time.UnixMilli(s.ColumnInt64(1)).UTC()}
			if s.ColumnType(2) != sqlite3.NULL {
				p.Walk = &engine.IndexWalk{Since: time.UnixMilli(s.ColumnInt64(2)).UTC(), Sweep: s.ColumnBool(3), Cursor: s.ColumnText(4)}
			}
			return nil
		})
	})
	return p, err
}

func setPlace(c *database.Conn, p engine.IndexPlace) error {
	var since any
	var w engine.IndexWalk
	if p.Walk != nil {
		w, since = *p.Walk, p.Walk.Since.UnixMilli()
	}
	_, err := c.Run(`INSERT INTO place (id, event, at, since, sweep, cursor) VALUES (1, ?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (id) DO UPDATE SET event = ?1, at = ?2, since = ?3, sweep = ?4, cursor = ?5`, p.Event, p.At.UnixMilli(), since, w.Sweep, w.Cursor)
	return err
}

// IndexedSession implements engine.MailIndex.
func (x *Index) IndexedSession(ctx context.Context, sessionID string) (is engine.IndexedSession, err error) {
	err = x.read(ctx, "read what is indexed of session "+sessionID, func(c *database.Conn) error {
		return c.Each(`SELECT id, agent_group_id, messages, replies, owed FROM sessions WHERE id = ?`, func(s *sqlite3.Stmt) error {
			is = engine.IndexedSession{ID: s.ColumnText(0), AgentGroupID: s.ColumnText(1), Messages: s.ColumnText(2), Replies: s.ColumnText(3)}
			if s.ColumnType(4) != sqlite3.NULL {
				is.Owed = new(s.ColumnInt64(4))
			}
			return nil
		}, sessionID)
	})
	return is, err
}

// IndexedSessions implements engine.MailIndex.
func (x *Index) IndexedSessions(ctx context.Context, after string, owed bool, limit int) (ids []string, err error) {
	sql := `SELECT id FROM sessions WHERE id > ? ORDER BY id LIMIT ?`
	if owed {
		sql = owedSQL
	}
	err = x.read(ctx, "list what sessions are indexed", func(c *database.Conn) error {
		return c.Each(sql, func(s *sqlite3.Stmt) error {
			ids = append(ids, s.ColumnText(0))
			return nil
		}, after, limit)
	})
	return ids, err
}

const owedSQL = `SELECT id FROM sessions WHERE owed IS NOT NULL AND id > ? ORDER BY id LIMIT ?`

const unendedSQL = `SELECT n, direction, id FROM mail WHERE s = (SELECT s FROM sessions WHERE id = ?) AND n > ?
	AND status IN ('PENDING', 'PROCESSING', 'PAUSED', 'UNKNOWN', 'FAILED') ORDER BY n LIMIT ?`

// Unended implements engine.MailIndex.
func (x *Index) Unended(ctx context.Context, sessionID string, after int64, limit int) (ids engine.MailIDs, next int64, err error) {
	err = x.read(ctx, "list what is not at its end in session "+sessionID, func(c *database.Conn) error {
		return c.Each(unendedSQL, func(s *sqlite3.Stmt) error {
			next = s.ColumnInt64(0)
			to := &ids.Replies
			if s.ColumnText(1) == string(engine.DirectionIn) {
				to = &ids.Messages
			}
			*to = append(*to, s.ColumnText(2))
			return nil
		}, sessionID, after, limit)
	})
	return ids, next, err
}

// Apply implements engine.MailIndex.
func (x *Index) Apply(ctx context.Context, b engine.IndexBatch) error {
	return x.write(ctx, "index mail", func(c *database.Conn) error {
		numbers := make(map[string]int64, len(b.Sessions))
		for _, is := range b.Sessions {
			n, err := c.Number(`INSERT INTO sessions (id, agent_group_id, messages, replies, owed) VALUES (?1, ?2, ?3, ?4, ?5)
				ON CONFLICT (id) DO UPDATE SET messages = ?3, replies = ?4, owed = ?5 RETURNING s`, is.ID, is.AgentGroupID, is.Messages, is.Replies, is.Owed)
			if err != nil {
				return err
			}
			numbers[is.ID] = n
		}
		for i := range b.Mail {
			if err := put(c, numbers[b.Mail[i].SessionID], &b.Mail[i]); err != nil {
				return err
			}
		}
		if b.Place == nil {
			return nil
		}
		return setPlace(c, *b.Place)
	})
}

const (
	// What a container may make of any length, in bytes.
	maxID   = 1 << 10
	maxWord = 256

	// timeShift is how many rows of one millisecond there may be, as a power of
	// two; more go into the next.
	timeShift = 20
	maxMillis = 1<<42 - 1
)

var errExhausted = errors.New("there are too many rows of one time")

// put indexes a row. One with an id that nobody could give for a filter is
// left out.
func put(c *database.Conn, session int64, m *engine.IndexedMail) error {
	if m.ID == "" || len(m.ID) > maxID {
		return nil
	}
	status := string(m.MessageStatus)
	if m.Direction == engine.DirectionOut {
		status = string(m.DeliveryStatus)
	}
	var from any
	if m.WaitsFrom != nil {
		from = m.WaitsFrom.UnixMilli()
	}
	text := textOf(m.Content)
	var n int64
	var same bool
	err := c.Each(`SELECT n, status = ?4 AND waits_from IS ?5 AND text = ?6 AND retried = ?7 FROM mail WHERE id = ?1 AND s = ?2 AND direction = ?3`,
		func(s *sqlite3.Stmt) error {
			n, same = s.ColumnInt64(0), s.ColumnBool(1)
			return nil
		}, m.ID, session, string(m.Direction), status, from, text, m.Retried)
	if err != nil || same {
		return err
	}
	if n != 0 {
		_, err = c.Run(`UPDATE mail SET status = ?2, waits_from = ?3, retried = ?4 WHERE n = ?1`, n, status, from, m.Retried)
		if err == nil {
			_, err = c.Run(`UPDATE mail SET text = ?2 WHERE n = ?1 AND text <> ?2`, n, text)
		}
		return err
	}
	if n, err = free(c, m.At); err != nil {
		return err
	}
	var channel *string
	if m.ChannelType != nil {
		v := clip(*m.ChannelType, maxWord)
		channel = &v
	}
	var answered *string
	if m.InReplyTo != "" && len(m.InReplyTo) <= maxID {
		answered = &m.InReplyTo
	}
	_, err = c.Run(`INSERT INTO mail (n, s, direction, id, agent_group_id, kind, channel_type, status, retried, waits_from, seq, in_reply_to, text)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, n, session, string(m.Direction), m.ID, m.AgentGroupID, clip(m.Kind, maxWord), channel, status, m.Retried, from, m.Seq, answered, text)
	return err
}

// free is a number for a row of a time.
func free(c *database.Conn, at time.Time) (int64, error) {
	for first := number(at); first < number(time.UnixMilli(maxMillis)); first += 1 << timeShift {
		last, err := c.Number(`SELECT coalesce(max(n), ?1 - 1) FROM mail WHERE n >= ?1 AND n < ?2`, first, first+1<<timeShift)
		if err != nil || last+1 < first+1<<timeShift {
			return last + 1, err
		}
	}
	return 0, errExhausted
}

// number is the first of a time.
func number(at time.Time) int64 { return min(max(at.UnixMilli(), 1), maxMillis) << timeShift }

func timeOf(n int64) time.Time { return time.UnixMilli(n >> timeShift).UTC() }

// forgetRows bounds what Forget removes at one time.
const forgetRows = 512

// Forget implements engine.MailIndex.
func (x *Index) Forget(ctx context.Context, sessionID string) (more bool, err error) {
	err = x.write(ctx, "remove session "+sessionID+" from the index", func(c *database.Conn) error {
		n, err := c.Run(`DELETE FROM mail WHERE n IN (SELECT n FROM mail WHERE s = (SELECT s FROM sessions WHERE id = ?) LIMIT ?)`, sessionID, forgetRows)
		if err != nil {
			return err
		}
		if more = n == forgetRows; more {
			// It may be restored before all of it is gone.
			_, err = c.Run(`UPDATE sessions SET messages = '', replies = '', owed = ?2 WHERE id = ?1`, sessionID, int64(engine.NothingUnended))
			return err
		}
		_, err = c.Run(`DELETE FROM sessions WHERE id = ?`, sessionID)
		return err
	})
	return more, err
}
