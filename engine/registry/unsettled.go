package registry

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// SetUnsettled implements engine.UnsettledReplies.
func (r *Registry) SetUnsettled(ctx context.Context, replies []engine.Unsettled) error {
	return r.write(ctx, "note unsettled replies", func(c *conn) error {
		for _, u := range replies {
			_, err := c.Run(`INSERT INTO unsettled (session_id, reply_id, way, failed, due_at) VALUES (?1, ?2, ?3, ?4, ?5)
				ON CONFLICT (session_id, reply_id) DO UPDATE SET failed = ?4, way = coalesce(nullif(?3, ''), way), due_at = iif(failed AND NOT ?4, ?5, due_at)`,
				u.SessionID, u.ReplyID, u.Way, u.Failed, u.Due.UnixMilli())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveUnsettled implements engine.UnsettledReplies.
func (r *Registry) RemoveUnsettled(ctx context.Context, sessionID, replyID string) error {
	return r.write(ctx, "note a settled reply", func(c *conn) error {
		_, err := c.Run(`DELETE FROM unsettled WHERE session_id = ? AND reply_id = ?`, sessionID, replyID)
		return err
	})
}

// Unsettled implements engine.UnsettledReplies.
func (r *Registry) Unsettled(ctx context.Context, p engine.Page, f engine.UnsettledFilter) (out engine.List[engine.Unsettled], err error) {
	l := list[engine.Unsettled]{kind: 'u', scan: func(s *sqlite3.Stmt) (engine.Unsettled, error) {
		return engine.Unsettled{SessionID: s.ColumnText(1), ReplyID: s.ColumnText(2), Way: s.ColumnText(3), Failed: s.ColumnBool(4)}, nil
	}}
	l.sql, l.args = unsettledSQL(f)
	err = r.read(ctx, "list unsettled replies", func(c *conn) error {
		out, err = l.page(c, p)
		return err
	})
	return out, err
}

// maxWays bounds the parts of a statement.
const maxWays = 100

// unsettledSQL writes a filter as a union, for the reason that sessionsSQL does.
func unsettledSQL(f engine.UnsettledFilter) (sql func(up bool) string, args []any) {
	arg := func(value any) string {
		args = append(args, value)
		return fmt.Sprintf("?%d", len(args)+2)
	}
	session := ""
	if f.SessionID != "" {
		session = "session_id = " + arg(f.SessionID) + " AND "
	}
	var parts []string
	for _, failed := range []bool{false, true} {
		if failed && f.Open || !failed && f.Failed {
			continue
		}
		state := session + "failed = " + arg(failed) + " AND "
		if len(f.Ways) == 0 {
			parts = append(parts, state)
		}
		for _, way := range f.Ways[:min(len(f.Ways), maxWays)] {
			parts = append(parts, state+"way = "+arg(way)+" AND ")
		}
	}
	if len(parts) == 0 {
		parts, args = []string{"n = 0 AND "}, nil
	}
	return func(up bool) string {
		compare, order := "<", " DESC"
		if up {
			compare, order = ">", ""
		}
		selects := make([]string, len(parts))
		for i, where := range parts {
			selects[i] = "SELECT n, session_id, reply_id, way, failed FROM unsettled WHERE " + where + "n " + compare + " ?1"
		}
		return strings.Join(selects, " UNION ALL ") + " ORDER BY n" + order + " LIMIT ?2"
	}, args
}

// DeliveryLoads implements engine.UnsettledReplies.
func (r *Registry) DeliveryLoads(ctx context.Context) (loads []engine.DeliveryLoad, err error) {
	err = r.read(ctx, "count unsettled replies", func(c *conn) error {
		return c.Each(`SELECT CASE WHEN way IN ('agent', 'system') THEN way
				WHEN EXISTS (SELECT 1 FROM messaging_groups WHERE channel_type = substr(way, 6)) THEN substr(way, 6) ELSE '' END AS channel,
				sum(open), sum(failed), min(due) FROM (
					SELECT way, sum(NOT failed) AS open, sum(failed) AS failed, min(iif(failed, NULL, due_at)) AS due FROM unsettled GROUP BY way)
			GROUP BY channel ORDER BY channel`, func(s *sqlite3.Stmt) error {
			loads = append(loads, engine.DeliveryLoad{ChannelType: s.ColumnText(0), Pending: s.ColumnInt64(1), Failed: s.ColumnInt64(2), DueSince: optionalTime(s, 3)})
			return nil
		})
	})
	return loads, err
}

// UnsettledSessions implements engine.UnsettledReplies.
func (r *Registry) UnsettledSessions(ctx context.Context, after string, limit int) (ids []string, err error) {
	err = r.read(ctx, "list sessions with unsettled replies", func(c *conn) error {
		return c.Each(`SELECT DISTINCT session_id FROM unsettled WHERE failed = 0 AND session_id > ? ORDER BY session_id LIMIT ?`,
			func(s *sqlite3.Stmt) error {
				ids = append(ids, s.ColumnText(0))
				return nil
			}, after, limit)
	})
	return ids, err
}

const secretBytes = 32

// Secret implements engine.UnsettledReplies.
func (r *Registry) Secret(ctx context.Context, name string) (secret []byte, err error) {
	made := make([]byte, secretBytes)
	_, _ = rand.Read(made) // it never fails
	err = r.write(ctx, "read the key "+name, func(c *conn) error {
		if _, err := c.Run(`INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING`, name, made); err != nil {
			return err
		}
		return c.Each(`SELECT value FROM secrets WHERE name = ?`, func(s *sqlite3.Stmt) error {
			secret = slices.Clone(s.ColumnRawBlob(0))
			return nil
		}, name)
	})
	if err == nil && len(secret) != secretBytes {
		err = fmt.Errorf("the key %q has %d bytes, not %d", name, len(secret), secretBytes)
	}
	return secret, err
}

// Swept implements engine.UnsettledReplies.
func (r *Registry) Swept(ctx context.Context) (at time.Time, err error) {
	err = r.read(ctx, "read when sessions were looked at", func(c *conn) error {
		return c.Each(`SELECT at FROM marks WHERE name = 'swept'`, func(s *sqlite3.Stmt) error {
			at = time.UnixMilli(s.ColumnInt64(0)).UTC()
			return nil
		})
	})
	return at, err
}

// unread begins the marks of sessions that could not be looked at.
const unread = "unread:"

// SetSwept implements engine.UnsettledReplies.
func (r *Registry) SetSwept(ctx context.Context, at time.Time, unreadIDs []string) error {
	return r.write(ctx, "note when sessions were looked at", func(c *conn) error {
		if _, err := c.Run(`DELETE FROM marks WHERE name > ?1 AND name < ?1 || x'7f'`, unread); err != nil {
			return err
		}
		for _, id := range unreadIDs {
			if _, err := c.Run(`INSERT OR IGNORE INTO marks (name, at) VALUES (?1 || ?2, ?3)`, unread, id, at.UnixMilli()); err != nil {
				return err
			}
		}
		_, err := c.Run(`INSERT INTO marks (name, at) VALUES ('swept', ?1) ON CONFLICT (name) DO UPDATE SET at = ?1`, at.UnixMilli())
		return err
	})
}

// UnreadSessions implements engine.UnsettledReplies.
func (r *Registry) UnreadSessions(ctx context.Context) (ids []string, err error) {
	err = r.read(ctx, "list sessions that could not be looked at", func(c *conn) error {
		return c.Each(`SELECT substr(name, length(?1) + 1) FROM marks WHERE name > ?1 AND name < ?1 || x'7f'`, func(s *sqlite3.Stmt) error {
			ids = append(ids, s.ColumnText(0))
			return nil
		}, unread)
	})
	return ids, err
}
