package registry

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

const messagingGroupColumns = `SELECT n, id, channel_type, platform_id, name, created_at FROM messaging_groups `

// EnsureMessagingGroup implements engine.MessagingGroups. A chat that takes a
// name makes the sessions that have it for a destination stale.
func (r *Registry) EnsureMessagingGroup(ctx context.Context, g engine.MessagingGroup) (found engine.MessagingGroup, created bool, err error) {
	if err := checkID(g.ID); err != nil {
		return engine.MessagingGroup{}, false, err
	}
	// Found is the common case, and needs no place among the writers.
	found, err = r.MessagingGroupByPlatform(ctx, g.ChannelType, g.PlatformID)
	if engine.CodeOf(err) == engine.CodeNotFound || err == nil && found.Name == nil && g.Name != nil {
		err = r.write(ctx, "ensure messaging group "+g.ID, func(c *conn) error {
			found, created, err = ensureMessagingGroup(c, g)
			return err
		})
		r.chats.forget(found.ID)
	}
	if err != nil {
		return engine.MessagingGroup{}, false, err
	}
	return found, created, nil
}

func ensureMessagingGroup(c *conn, g engine.MessagingGroup) (found engine.MessagingGroup, created bool, err error) {
	found, err = messagingGroupByPlatform(c, g.ChannelType, g.PlatformID)
	switch {
	case engine.CodeOf(err) == engine.CodeNotFound:
		_, err = c.Run(`INSERT INTO messaging_groups (id, channel_type, platform_id, name, created_at) VALUES (?, ?, ?, ?, ?)`,
			g.ID, g.ChannelType, g.PlatformID, g.Name, g.CreatedAt.UnixMilli())
		if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) {
			err = engine.Errorf(engine.CodeConflict, "messaging group %s is another chat", g.ID).In("id")
		}
		if err != nil {
			return found, false, err
		}
		found, err = messagingGroupByPlatform(c, g.ChannelType, g.PlatformID)
		return found, true, err
	case err == nil && found.Name == nil && g.Name != nil:
		found.Name = g.Name
		return found, false, nameMessagingGroup(c, found)
	}
	return found, false, err
}

func nameMessagingGroup(c *conn, g engine.MessagingGroup) error {
	if _, err := c.Run(`UPDATE messaging_groups SET name = ? WHERE id = ?`, g.Name, g.ID); err != nil {
		return err
	}
	var groups []string
	err := c.Each(`SELECT DISTINCT agent_group_id FROM destinations WHERE messaging_group_id = ?`, func(s *sqlite3.Stmt) error {
		groups = append(groups, s.ColumnText(0))
		return nil
	}, g.ID)
	for _, id := range groups {
		err = errors.Join(err, makeStale(c, id))
	}
	return err
}

// MessagingGroup implements engine.MessagingGroups.
func (r *Registry) MessagingGroup(ctx context.Context, id string) (engine.MessagingGroup, error) {
	g, found, changes := r.chats.get(id)
	if found && !r.isClosed() {
		return g, nil
	}
	err := r.read(ctx, "read messaging group", func(c *conn) (err error) {
		g, err = messagingGroup(c, id, "")
		return err
	})
	if err == nil {
		r.chats.keep(g, changes)
	}
	return g, err
}

func messagingGroup(c *conn, id, field string) (engine.MessagingGroup, error) {
	g, err := oneMessagingGroup(c, messagingGroupColumns+`WHERE id = ?`, id)
	if err == nil && g == nil {
		err = notFound("messaging group", id, field)
	}
	if err != nil {
		return engine.MessagingGroup{}, err
	}
	return *g, nil
}

// MessagingGroupByPlatform implements engine.MessagingGroups.
func (r *Registry) MessagingGroupByPlatform(ctx context.Context, channelType, platformID string) (g engine.MessagingGroup, err error) {
	err = r.read(ctx, "read messaging group", func(c *conn) error {
		g, err = messagingGroupByPlatform(c, channelType, platformID)
		return err
	})
	return g, err
}

func messagingGroupByPlatform(c *conn, channelType, platformID string) (engine.MessagingGroup, error) {
	g, err := oneMessagingGroup(c, messagingGroupColumns+`WHERE channel_type = ? AND platform_id = ?`, channelType, platformID)
	if err == nil && g == nil {
		err = engine.Errorf(engine.CodeNotFound, "there is no messaging group for this chat")
	}
	if err != nil {
		return engine.MessagingGroup{}, err
	}
	return *g, nil
}

func oneMessagingGroup(c *conn, sql string, args ...any) (g *engine.MessagingGroup, err error) {
	err = c.Each(sql, func(s *sqlite3.Stmt) error {
		found, err := scanMessagingGroup(s)
		g = &found
		return err
	}, args...)
	return g, err
}

// MessagingGroups implements engine.MessagingGroups.
func (r *Registry) MessagingGroups(ctx context.Context, p engine.Page, channelType string) (out engine.List[engine.MessagingGroup], err error) {
	l := list[engine.MessagingGroup]{kind: 'm', scan: scanMessagingGroup}
	l.sql, l.args = messagingGroupsSQL(channelType)
	err = r.read(ctx, "list messaging groups", func(c *conn) error {
		out, err = l.page(c, p)
		return err
	})
	return out, err
}

func messagingGroupsSQL(channelType string) (sql func(up bool) string, args []any) {
	where := `WHERE `
	if channelType != "" {
		where += `channel_type = ?3 AND `
		args = append(args, channelType)
	}
	return func(up bool) string {
		if up {
			return messagingGroupColumns + where + `n > ?1 ORDER BY n LIMIT ?2`
		}
		return messagingGroupColumns + where + `n < ?1 ORDER BY n DESC LIMIT ?2`
	}, args
}

func scanMessagingGroup(s *sqlite3.Stmt) (engine.MessagingGroup, error) {
	return engine.MessagingGroup{ID: s.ColumnText(1), ChannelType: s.ColumnText(2), PlatformID: s.ColumnText(3),
		Name: database.OptionalText(s, 4), CreatedAt: time.UnixMilli(s.ColumnInt64(5)).UTC()}, nil
}
