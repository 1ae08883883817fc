package sessions

import (
	"context"
	"strings"
	"time"

	"github.com/twinbox/twinbox/engine"
)

const (
	// maxWorking bounds the claims that are told of, and maxUnended the messages
	// that are gone through to find them: containers take the oldest.
	maxWorking = 100
	maxUnended = 4096
	// maxToolName bounds a tool's name, in bytes.
	maxToolName = 256
)

// Working reads what the container says. See engine.Pulses.
func (s *Store) Working(ctx context.Context, sess engine.Session) (w engine.Working, err error) {
	now := s.opts.Now()
	err = s.read(ctx, sess, func(m *mailbox) error {
		w = engine.Working{}
		if m.outboundErr != nil {
			return m.outboundErr
		}
		if err := m.claims(sess, &w, now); err != nil {
			return err
		}
		return m.tool(&w, now)
	})
	return w, err
}

// claims goes by the messages that have not ended: what the container
// acknowledged it keeps for good, and has no index on.
func (m *mailbox) claims(sess engine.Session, w *engine.Working, now time.Time) error {
	acks := m.acks()
	defer acks.close()
	st, _, err := m.inbound.Prepare(`SELECT ` + column("id", maxText) + ` FROM messages_in WHERE status = 'pending' ORDER BY seq LIMIT ?`)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := bind(st, []any{int64(maxUnended)}); err != nil {
		return err
	}
	for len(w.Claims) < maxWorking && st.Step() {
		id := (&row{st: st}).or(0)
		said, err := acks.look(id)
		if err != nil {
			return err
		}
		if said.status == "processing" {
			w.Claims = append(w.Claims, engine.MessageClaim{SessionID: sess.ID, MessageID: id, ClaimedAt: past(said.changed, now)})
		}
	}
	return st.Err()
}

func (m *mailbox) tool(w *engine.Working, now time.Time) error {
	if has, err := hasTable(m.outbound, "container_state"); err != nil || !has {
		return err
	}
	_, err := queryOne(m.outbound, func(r *row) {
		name := r.or(0)
		if name == "" {
			return
		}
		w.Tool = &engine.ContainerTool{Name: strings.ToValidUTF8(name[:min(len(name), maxToolName)], "")}
		if at := r.text(1); at != nil {
			w.Tool.StartedAt = past(*at, now)
		}
		if ms := min(r.integer(2, "tool_declared_timeout_ms", 0), maxToolMillis); ms > 0 {
			w.Tool.Timeout = new(time.Duration(ms) * time.Millisecond)
		}
	}, "SELECT "+column("current_tool", maxText)+", "+column("tool_started_at", maxText)+", tool_declared_timeout_ms FROM container_state WHERE id = 1")
	return err
}
