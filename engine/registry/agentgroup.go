package registry

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// CreateAgentGroup implements engine.AgentGroups.
func (r *Registry) CreateAgentGroup(ctx context.Context, g engine.AgentGroup) error {
	if err := checkID(g.ID); err != nil {
		return err
	}
	return r.write(ctx, "create agent group "+g.ID, func(c *conn) error {
		_, err := c.Run(`INSERT INTO agent_groups (id, name, created_at) VALUES (?, ?, ?)`, g.ID, g.Name, g.CreatedAt.UnixMilli())
		if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) {
			return engine.Errorf(engine.CodeConflict, "agent group %s exists already", g.ID).In("id")
		}
		return err
	})
}

// AgentGroup implements engine.AgentGroups.
func (r *Registry) AgentGroup(ctx context.Context, id string) (g engine.AgentGroup, err error) {
	err = r.read(ctx, "read agent group", func(c *conn) error {
		g, err = agentGroup(c, id, "")
		return err
	})
	return g, err
}

func agentGroup(c *conn, id, field string) (g engine.AgentGroup, err error) {
	found := false
	err = c.Each(`SELECT n, id, name, created_at FROM agent_groups WHERE id = ?`, func(s *sqlite3.Stmt) (err error) {
		found = true
		g, err = scanAgentGroup(s)
		return err
	}, id)
	if err == nil && !found {
		err = notFound("agent group", id, field)
	}
	return g, err
}

// AgentGroups implements engine.AgentGroups.
func (r *Registry) AgentGroups(ctx context.Context, p engine.Page) (out engine.List[engine.AgentGroup], err error) {
	l := list[engine.AgentGroup]{kind: 'a', sql: agentGroupsSQL, scan: scanAgentGroup}
	err = r.read(ctx, "list agent groups", func(c *conn) error {
		out, err = l.page(c, p)
		return err
	})
	return out, err
}

func agentGroupsSQL(up bool) string {
	if up {
		return `SELECT n, id, name, created_at FROM agent_groups WHERE n > ?1 ORDER BY n LIMIT ?2`
	}
	return `SELECT n, id, name, created_at FROM agent_groups WHERE n < ?1 ORDER BY n DESC LIMIT ?2`
}

func scanAgentGroup(s *sqlite3.Stmt) (engine.AgentGroup, error) {
	return engine.AgentGroup{ID: s.ColumnText(1), Name: s.ColumnText(2), CreatedAt: time.UnixMilli(s.ColumnInt64(3)).UTC()}, nil
}
