package registry

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// SetDestination implements engine.Destinations.
func (r *Registry) SetDestination(ctx context.Context, d engine.Destination) (engine.Destination, error) {
	err := r.write(ctx, "set destination", func(c *conn) (err error) {
		d, err = setDestination(c, d)
		return err
	})
	if err != nil {
		return engine.Destination{}, err
	}
	return d, nil
}

func setDestination(c *conn, d engine.Destination) (engine.Destination, error) {
	if _, err := agentGroup(c, d.AgentGroupID, "agentGroupId"); err != nil {
		return d, err
	}
	var chat, agent *string
	switch {
	case d.MessagingGroup != nil:
		g, err := messagingGroup(c, d.MessagingGroup.ID, "messagingGroupId")
		if err != nil {
			return d, err
		}
		d.MessagingGroup, chat = &g, &g.ID
	case d.TargetAgentGroup != nil:
		g, err := agentGroup(c, d.TargetAgentGroup.ID, "targetAgentGroupId")
		if err != nil {
			return d, err
		}
		d.TargetAgentGroup, agent = &g, &g.ID
	}
	_, err := c.Run(`REPLACE INTO destinations (agent_group_id, name, display_name, messaging_group_id, target_agent_group_id) VALUES (?, ?, ?, ?, ?)`,
		d.AgentGroupID, d.Name, d.OwnDisplayName, chat, agent)
	if err != nil {
		return d, err
	}
	return d, makeStale(c, d.AgentGroupID)
}

// RemoveDestination implements engine.Destinations.
func (r *Registry) RemoveDestination(ctx context.Context, agentGroupID, name string) (removed bool, err error) {
	err = r.write(ctx, "remove destination", func(c *conn) error {
		n, err := c.Run(`DELETE FROM destinations WHERE agent_group_id = ? AND name = ?`, agentGroupID, name)
		if removed = n > 0; err != nil || !removed {
			return err
		}
		return makeStale(c, agentGroupID)
	})
	return removed && err == nil, err
}

// Destinations implements engine.Destinations.
func (r *Registry) Destinations(ctx context.Context, agentGroupID string) (out []engine.Destination, err error) {
	err = r.read(ctx, "list destinations", func(c *conn) error {
		out, err = destinations(c, agentGroupID)
		if err != nil || len(out) > 0 {
			return err
		}
		_, err = agentGroup(c, agentGroupID, "agentGroupId")
		return err
	})
	return out, err
}

func destinations(c *conn, agentGroupID string) (out []engine.Destination, err error) {
	err = c.Each(`SELECT d.name, d.display_name,
			m.n, m.id, m.channel_type, m.platform_id, m.name, m.created_at,
			a.n, a.id, a.name, a.created_at
		FROM destinations d
		LEFT JOIN messaging_groups m ON m.id = d.messaging_group_id
		LEFT JOIN agent_groups a ON a.id = d.target_agent_group_id
		WHERE d.agent_group_id = ? ORDER BY d.name`, func(s *sqlite3.Stmt) error {
		d := engine.Destination{AgentGroupID: agentGroupID, Name: s.ColumnText(0), OwnDisplayName: database.OptionalText(s, 1)}
		if s.ColumnType(3) != sqlite3.NULL {
			d.MessagingGroup = &engine.MessagingGroup{ID: s.ColumnText(3), ChannelType: s.ColumnText(4), PlatformID: s.ColumnText(5),
				Name: database.OptionalText(s, 6), CreatedAt: *timeOf(s.ColumnInt64(7))}
		} else {
			d.TargetAgentGroup = &engine.AgentGroup{ID: s.ColumnText(9), Name: s.ColumnText(10), CreatedAt: *timeOf(s.ColumnInt64(11))}
		}
		out = append(out, d)
		return nil
	}, agentGroupID)
	return out, err
}

// makeStale marks a group's active sessions with a version that none of them
// had before: a count in each session would, once cleared, come round again.
func makeStale(c *conn, agentGroupID string) error {
	version, err := c.Number(`UPDATE agent_groups SET destinations_version = destinations_version + 1 WHERE id = ? RETURNING destinations_version`, agentGroupID)
	if err != nil {
		return err
	}
	_, err = c.Run(`UPDATE sessions SET stale = ? WHERE agent_group_id = ? AND status = 'ACTIVE'`, version, agentGroupID)
	return err
}

// StaleSessions implements engine.Destinations.
func (r *Registry) StaleSessions(ctx context.Context, agentGroupID, after string, limit int) (out []engine.StaleSession, err error) {
	err = r.read(ctx, "list sessions whose destinations changed", func(c *conn) error {
		return c.Each(staleSQL, func(s *sqlite3.Stmt) error {
			session, err := scanSession(s)
			out = append(out, engine.StaleSession{Session: session, Version: s.ColumnInt64(sessionColumnCount)})
			return err
		}, after, agentGroupID, max(limit, 0))
	})
	for i := range out {
		r.touches.overlay(&out[i].Session)
	}
	return out, err
}

const staleSQL = `SELECT ` + sessionColumns + `, stale FROM sessions
	WHERE stale IS NOT NULL AND id > ?1 AND (?2 = '' OR agent_group_id = ?2) ORDER BY id LIMIT ?3`

// ClearStale implements engine.Destinations.
func (r *Registry) ClearStale(ctx context.Context, sessions []engine.StaleSession) error {
	if len(sessions) == 0 {
		return nil
	}
	return r.write(ctx, "note that destinations were projected", func(c *conn) error {
		for _, s := range sessions {
			if _, err := c.Run(`UPDATE sessions SET stale = NULL WHERE id = ? AND stale = ?`, s.ID, s.Version); err != nil {
				return err
			}
		}
		return nil
	})
}
