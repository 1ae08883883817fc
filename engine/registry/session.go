package registry

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

const (
	sessionColumns = `n, id, agent_group_id, messaging_group_id, thread_id, mode, status, container_status, labels, last_active, created_at`
	// sessionColumnCount is where further columns of a statement begin.
	sessionColumnCount = 11
)

// CreateSession implements engine.Sessions. An agent group or messaging group
// that does not exist fails with CodeNotFound and its field.
func (r *Registry) CreateSession(ctx context.Context, s engine.Session) error {
	if err := checkID(s.ID); err != nil {
		return err
	}
	labels, err := json.Marshal(append([]string{}, s.Labels...))
	if err != nil {
		return err
	}
	return r.write(ctx, "create session "+s.ID, func(c *conn) error {
		return createSession(c, s, string(labels))
	})
}

func createSession(c *conn, s engine.Session, labels string) error {
	var key, lastActive any
	if k, ok := s.Key(); ok && s.Status == engine.SessionActive {
		key = keyText(k)
	}
	if s.LastActive != nil {
		lastActive = s.LastActive.UnixMilli()
	}
	_, err := c.Run(`INSERT INTO sessions (id, agent_group_id, messaging_group_id, thread_id, mode, status, container_status, labels, last_active, created_at, key, active_at, files_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, coalesce(?9, ?10), ?10)`,
		s.ID, s.AgentGroupID, s.MessagingGroupID, s.ThreadID, string(s.Mode), string(s.Status), string(s.ContainerStatus),
		labels, lastActive, s.CreatedAt.UnixMilli(), key)
	switch {
	case errors.Is(err, sqlite3.CONSTRAINT_UNIQUE):
		return sessionConflict(c, s)
	case errors.Is(err, sqlite3.CONSTRAINT_FOREIGNKEY):
		if _, err := agentGroup(c, s.AgentGroupID, "agentGroupId"); err != nil {
			return err
		}
		_, err := messagingGroup(c, *s.MessagingGroupID, "messagingGroupId")
		return err
	}
	return err
}

func sessionConflict(c *conn, s engine.Session) error {
	taken, err := c.Exists(`SELECT 1 FROM sessions WHERE id = ?`, s.ID)
	if err != nil {
		return err
	}
	if taken {
		return engine.Errorf(engine.CodeConflict, "session %s exists already", s.ID).In("id")
	}
	return engine.Errorf(engine.CodeConflict, "the conversation has an active session already")
}

// keyText writes a key so that no two share a text: neither mode nor ids can
// hold a slash, and only the thread, which may be anything, comes last.
func keyText(k engine.SessionKey) string {
	text := string(k.Mode) + "/" + k.AgentGroupID + "/" + k.MessagingGroupID
	if k.ThreadID != nil {
		text += "/" + *k.ThreadID
	}
	return text
}

// FindSession implements engine.Sessions.
func (r *Registry) FindSession(ctx context.Context, k engine.SessionKey) (s engine.Session, err error) {
	if !engine.SafeID(k.AgentGroupID) || k.MessagingGroupID != "" && !engine.SafeID(k.MessagingGroupID) {
		return s, errNoSession() // and its text could be that of another key
	}
	key := keyText(k)
	err = r.read(ctx, "find session", func(c *conn) (err error) {
		s, err = oneSession(c, `SELECT `+sessionColumns+` FROM sessions WHERE key = ?`, key)
		return err
	})
	if err == nil && s.ID == "" {
		err = errNoSession()
	}
	r.touches.overlay(&s)
	return s, err
}

func errNoSession() error {
	return engine.Errorf(engine.CodeNotFound, "the conversation has no active session")
}

// Session implements engine.Sessions.
func (r *Registry) Session(ctx context.Context, id string) (engine.Session, error) {
	s, found, changes := r.sessions.get(id)
	if found && !r.isClosed() {
		r.touches.overlay(&s)
		return s, nil
	}
	err := r.read(ctx, "read session", func(c *conn) (err error) {
		s, err = oneSession(c, `SELECT `+sessionColumns+` FROM sessions WHERE id = ?`, id)
		return err
	})
	if err == nil && s.ID == "" {
		err = notFound("session", id, "")
	}
	if err == nil {
		s = s.WithShown()
		r.sessions.keep(s, changes)
	}
	r.touches.overlay(&s)
	return s, err
}

// SetContainerStatus implements engine.Sessions.
func (r *Registry) SetContainerStatus(ctx context.Context, id string, status engine.ContainerStatus) (engine.Session, error) {
	return r.changeSession(ctx, "set container status of session "+id,
		`UPDATE sessions SET container_status = ?2 WHERE id = ?1 RETURNING `+sessionColumns, id, string(status))
}

// CloseSession implements engine.Sessions.
func (r *Registry) CloseSession(ctx context.Context, id string, at time.Time) (engine.Session, error) {
	return r.changeSession(ctx, "close session "+id,
		`UPDATE sessions SET active_at = iif(status = 'CLOSED', active_at, max(active_at, ?2)), status = 'CLOSED', key = NULL, stale = NULL
			WHERE id = ?1 RETURNING `+sessionColumns, id, at.UnixMilli())
}

// changeSession runs an update of the session with an id, which returns it.
func (r *Registry) changeSession(ctx context.Context, what, sql, id string, args ...any) (s engine.Session, err error) {
	if !engine.SafeID(id) {
		return s, notFound("session", id, "")
	}
	err = r.write(ctx, what, func(c *conn) (err error) {
		s, err = oneSession(c, sql, append([]any{id}, args...)...)
		if err == nil && s.ID == "" {
			err = notFound("session", id, "")
		}
		return err
	})
	r.sessions.forget(id)
	if err != nil {
		return engine.Session{}, err
	}
	r.touches.overlay(&s)
	return s, nil
}

// oneSession returns the session that a statement answers, a zero one if none.
func oneSession(c *conn, sql string, args ...any) (out engine.Session, err error) {
	err = c.Each(sql, func(s *sqlite3.Stmt) (err error) {
		out, err = scanSession(s)
		return err
	}, args...)
	return out, err
}

func scanSession(s *sqlite3.Stmt) (engine.Session, error) {
	out := engine.Session{ID: s.ColumnText(1), AgentGroupID: s.ColumnText(2),
		MessagingGroupID: database.OptionalText(s, 3), ThreadID: database.OptionalText(s, 4),
		Mode:            known(s.ColumnRawText(5), sessionModes),
		Status:          known(s.ColumnRawText(6), sessionStatuses),
		ContainerStatus: known(s.ColumnRawText(7), containerStatuses),
		Labels:          []string{}, CreatedAt: time.UnixMilli(s.ColumnInt64(10)).UTC()}
	if s.ColumnType(9) != sqlite3.NULL {
		out.LastActive = timeOf(s.ColumnInt64(9))
	}
	var err error
	if labels := s.ColumnRawText(8); string(labels) != "[]" {
		out.Labels, err = decodeLabels(labels)
	}
	return out, err
}

func decodeLabels(text []byte) (labels []string, err error) {
	err = json.Unmarshal(text, &labels)
	return labels, err
}

// known returns the value that raw is, without a copy of raw.
func known[T ~string](raw []byte, values []T) T {
	for _, v := range values {
		if string(raw) == string(v) {
			return v
		}
	}
	return T(raw)
}
