package registry

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// NoteWork implements engine.WorkList.
func (r *Registry) NoteWork(ctx context.Context, sessionID string, due *time.Time) error {
	var at any
	if due != nil {
		at = due.UnixMilli()
	}
	return r.write(ctx, "note what session "+sessionID+" has to do", func(c *conn) error {
		_, err := c.Run(`INSERT INTO work (session_id, due_at) VALUES (?1, ?2)
			ON CONFLICT (session_id) DO UPDATE SET due_at = min(coalesce(due_at, ?2), coalesce(?2, due_at))`, sessionID, at)
		return err
	})
}

// ClearWork implements engine.WorkList.
func (r *Registry) ClearWork(ctx context.Context, sessionID string) error {
	return r.write(ctx, "note that session "+sessionID+" has nothing to do", func(c *conn) error {
		if _, err := c.Run(`DELETE FROM container_claims WHERE session_id = ?`, sessionID); err != nil {
			return err
		}
		_, err := c.Run(`DELETE FROM work WHERE session_id = ?`, sessionID)
		return err
	})
}

// Work implements engine.WorkList.
func (r *Registry) Work(ctx context.Context, after string, limit int) (out []engine.Work, err error) {
	err = r.read(ctx, "list sessions with something to do", func(c *conn) error {
		return c.Each(`SELECT `+sessionColumns+`, due_at, owner, expires_at FROM work JOIN sessions ON sessions.id = work.session_id
			LEFT JOIN container_claims ON container_claims.session_id = work.session_id
			WHERE work.session_id > ?1 ORDER BY work.session_id LIMIT ?2`, func(s *sqlite3.Stmt) error {
			session, err := scanSession(s)
			w := engine.Work{Session: session, Due: optionalTime(s, sessionColumnCount)}
			if owner := database.OptionalText(s, sessionColumnCount+1); owner != nil {
				w.Claim = &engine.ContainerClaim{Owner: *owner, Until: optionalTime(s, sessionColumnCount+2)}
			}
			out = append(out, w)
			return err
		}, after, limit)
	})
	return out, err
}

// ClaimContainer implements engine.WorkList.
func (r *Registry) ClaimContainer(ctx context.Context, sessionID string, claim engine.ContainerClaim, now time.Time) (claimed bool, err error) {
	var until any
	if claim.Until != nil {
		until = claim.Until.UnixMilli()
	}
	err = r.write(ctx, "claim the container of session "+sessionID, func(c *conn) error {
		if _, err := c.Run(`INSERT INTO work (session_id) VALUES (?) ON CONFLICT DO NOTHING`, sessionID); err != nil {
			return err
		}
		n, err := c.Run(`INSERT INTO container_claims (session_id, owner, expires_at) VALUES (?1, ?2, ?3)
			ON CONFLICT (session_id) DO UPDATE SET owner = ?2, expires_at = ?3 WHERE owner = ?2 OR expires_at <= ?4`,
			sessionID, claim.Owner, until, now.UnixMilli())
		claimed = n > 0
		return err
	})
	return claimed && err == nil, err
}

// MoveClaim implements engine.WorkList.
func (r *Registry) MoveClaim(ctx context.Context, sessionID string, claim engine.ContainerClaim, until time.Time) error {
	return r.write(ctx, "change the claim to the container of session "+sessionID, func(c *conn) error {
		_, err := c.Run(`UPDATE container_claims SET expires_at = ?4 WHERE session_id = ?1 AND owner = ?2 AND expires_at = ?3`,
			sessionID, claim.Owner, claim.Until.UnixMilli(), until.UnixMilli())
		return err
	})
}

func optionalTime(s *sqlite3.Stmt, col int) *time.Time {
	if s.ColumnType(col) == sqlite3.NULL {
		return nil
	}
	return timeOf(s.ColumnInt64(col))
}
