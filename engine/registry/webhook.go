package registry

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// SaveWebhook implements engine.Webhooks.
func (r *Registry) SaveWebhook(ctx context.Context, w engine.Webhook) error {
	return r.write(ctx, "save webhook", func(c *conn) error {
		_, err := c.Run(`INSERT INTO webhooks (id, channel_type, url, secret, enabled) VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT (id) DO UPDATE SET channel_type = ?2, url = ?3, secret = ?4, enabled = ?5`,
			w.ID, w.ChannelType, w.URL, w.Secret, w.Enabled)
		if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) {
			return engine.Errorf(engine.CodeConflict, "another webhook has the channel type %s", w.ChannelType).In("channelType")
		}
		return err
	})
}

// RemoveWebhook implements engine.Webhooks.
func (r *Registry) RemoveWebhook(ctx context.Context, id string) (removed bool, err error) {
	err = r.write(ctx, "remove webhook", func(c *conn) error {
		n, err := c.Run(`DELETE FROM webhooks WHERE id = ?`, id)
		removed = n > 0
		return err
	})
	return removed && err == nil, err
}

// Webhooks implements engine.Webhooks.
func (r *Registry) Webhooks(ctx context.Context) (out []engine.Webhook, err error) {
	err = r.read(ctx, "list webhooks", func(c *conn) error {
		return c.Each(`SELECT id, channel_type, url, secret, enabled FROM webhooks ORDER BY channel_type`, func(s *sqlite3.Stmt) error {
			out = append(out, engine.Webhook{ID: s.ColumnText(0), ChannelType: s.ColumnText(1), URL: s.ColumnText(2),
				Secret: s.ColumnText(3), Enabled: s.ColumnBool(4)})
			return nil
		})
	})
	return out, err
}
