package registry

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

const idleSQL = `SELECT ` + sessionColumns + `, active_at FROM sessions
	WHERE status = ?1 AND (active_at, n) > (?2, ?3) AND active_at < ?4 ORDER BY active_at, n LIMIT ?5`

// IdleSessions implements engine.RetentionList.
func (r *Registry) IdleSessions(ctx context.Context, q engine.IdleQuery) (idle engine.IdleSessions, err error) {
	err = r.write(ctx, "list idle sessions", func(c *conn) error {
		idle = engine.IdleSessions{After: q.After}
		type late struct{ n, at int64 }
		var active []late
		seen := 0
		err := c.Each(idleSQL, func(s *sqlite3.Stmt) error {
			seen++
			n := s.ColumnInt64(0)
			idle.After = engine.IdlePlace{ActiveAt: s.ColumnInt64(sessionColumnCount), N: n}
			session, err := scanSession(s)
			if err != nil {
				return err
			}
			r.touches.overlay(&session)
			if at := session.LastActive; at != nil && !at.Before(q.Before) {
				active = append(active, late{n, at.UnixMilli()})
			} else {
				idle.Sessions = append(idle.Sessions, session)
			}
			return nil
		}, string(q.Status), q.After.ActiveAt, q.After.N, q.Before.UnixMilli(), q.Limit)
		if err != nil {
			return err
		}
		idle.More = seen == q.Limit
		for _, l := range active {
			if _, err := c.Run(`UPDATE sessions SET active_at = ?2 WHERE n = ?1`, l.n, l.at); err != nil {
				return err
			}
		}
		return nil
	})
	return idle, err
}

const filesSQL = `SELECT ` + sessionColumns + ` FROM sessions WHERE files_at < ? ORDER BY files_at, n LIMIT ?`

// SessionsWithFiles implements engine.RetentionList.
func (r *Registry) SessionsWithFiles(ctx context.Context, before time.Time, limit int) (all []engine.Session, err error) {
	err = r.read(ctx, "list sessions with old files", func(c *conn) error {
		return c.Each(filesSQL, func(s *sqlite3.Stmt) error {
			session, err := scanSession(s)
			all = append(all, session)
			return err
		}, before.UnixMilli(), limit)
	})
	for i := range all {
		r.touches.overlay(&all[i])
	}
	return all, err
}

// SetFilesAt implements engine.RetentionList.
func (r *Registry) SetFilesAt(ctx context.Context, sessionID string, at *time.Time) error {
	var value any
	if at != nil {
		value = at.UnixMilli()
	}
	return r.write(ctx, "note the files of session "+sessionID, func(c *conn) error {
		_, err := c.Run(`UPDATE sessions SET files_at = ?2 WHERE id = ?1`, sessionID, value)
		return err
	})
}

// ArchiveSession implements engine.RetentionList.
func (r *Registry) ArchiveSession(ctx context.Context, sessionID string, at time.Time) error {
	err := r.write(ctx, "note that session "+sessionID+" is archived", func(c *conn) error {
		_, err := c.Run(`INSERT INTO archives (session_id, agent_group_id, archived_at, folder_left)
			SELECT id, agent_group_id, ?2, 1 FROM sessions WHERE id = ?1
			ON CONFLICT (session_id) DO UPDATE SET agent_group_id = excluded.agent_group_id, archived_at = ?2, folder_left = 1`, sessionID, at.UnixMilli())
		if err != nil {
			return err
		}
		if _, err := c.Run(`DELETE FROM unsettled WHERE session_id = ?`, sessionID); err != nil {
			return err
		}
		n, err := c.Run(`DELETE FROM sessions WHERE id = ?`, sessionID)
		if err == nil && n == 0 {
			err = notFound("session", sessionID, "")
		}
		return err
	})
	r.sessions.forget(sessionID)
	return err
}

// NoteArchiveFolder implements engine.RetentionList.
func (r *Registry) NoteArchiveFolder(ctx context.Context, a engine.ArchivedSession) error {
	return r.write(ctx, "note a folder of the archived session "+a.SessionID, func(c *conn) error {
		_, err := c.Run(`INSERT INTO archives (session_id, agent_group_id, archived_at, folder_left) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (session_id) DO UPDATE SET agent_group_id = ?2, folder_left = ?4`, a.SessionID, a.AgentGroupID, a.ArchivedAt.UnixMilli(), a.FolderLeft)
		return err
	})
}

// ArchivedSession implements engine.RetentionList.
func (r *Registry) ArchivedSession(ctx context.Context, sessionID string) (a engine.ArchivedSession, err error) {
	err = r.read(ctx, "read about the archived session "+sessionID, func(c *conn) error {
		return c.Each(archivesSQL+`session_id = ?`, scanArchives(func(found engine.ArchivedSession) { a = found }), sessionID)
	})
	if err == nil && a.SessionID == "" {
		err = notFound("archived session", sessionID, "")
	}
	return a, err
}

// ArchivedSessions implements engine.RetentionList.
func (r *Registry) ArchivedSessions(ctx context.Context, after string, limit int, folderLeft bool) (all []engine.ArchivedSession, err error) {
	sql := archivesSQL + `session_id > ?1 ORDER BY session_id LIMIT ?2`
	if folderLeft {
		sql = archivesSQL + `folder_left = 1 AND session_id > ?1 ORDER BY session_id LIMIT ?2`
	}
	err = r.read(ctx, "list archived sessions", func(c *conn) error {
		return c.Each(sql, scanArchives(func(a engine.ArchivedSession) { all = append(all, a) }), after, limit)
	})
	return all, err
}

const archivesSQL = `SELECT session_id, agent_group_id, archived_at, folder_left FROM archives WHERE `

func scanArchives(visit func(engine.ArchivedSession)) func(*sqlite3.Stmt) error {
	return func(s *sqlite3.Stmt) error {
		visit(engine.ArchivedSession{SessionID: s.ColumnText(0), AgentGroupID: s.ColumnText(1), ArchivedAt: *timeOf(s.ColumnInt64(2)), FolderLeft: s.ColumnBool(3)})
		return nil
	}
}

// RestoreSession implements engine.RetentionList.
func (r *Registry) RestoreSession(ctx context.Context, s engine.Session) error {
	if err := checkID(s.ID); err != nil {
		return err
	}
	labels, err := json.Marshal(append([]string{}, s.Labels...))
	if err != nil {
		return err
	}
	return r.write(ctx, "restore session "+s.ID, func(c *conn) error {
		if err := createSession(c, s, string(labels)); err != nil {
			return err
		}
		if _, err := c.Run(`INSERT INTO work (session_id, due_at) VALUES (?, 0)`, s.ID); err != nil {
			return err
		}
		_, err := c.Run(`DELETE FROM archives WHERE session_id = ?`, s.ID)
		return err
	})
}
