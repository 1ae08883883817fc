package sessions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
)

func TestWhatAContainerSaysOfItsWorkIsToldWithinBounds(t *testing.T) {
	const now = "2026-01-31T12:00:00.000Z"
	h, s, c := newLife(t, now)
	if w, err := h.Working(t.Context(), s); err != nil || len(w.Claims) > 0 || w.Tool != nil {
		t.Errorf("of a new session: %+v, %v", w, err)
	}
	for _, id := range []string{"waits", "claimed", "ahead", "garbled", "done"} {
		h.MustWrite(t, s, id, "text")
	}
	minute := c.now().Add(-time.Minute)
	ack(t, h, s, "claimed", "processing", minute)
	ack(t, h, s, "ahead", "processing", c.now().Add(time.Hour))
	ack(t, h, s, "done", "completed", minute)
	h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('garbled', 'processing', 'soon'), ('nobody', 'processing', '`+now+`');
		INSERT INTO container_state (id, current_tool, tool_declared_timeout_ms, tool_started_at, updated_at)
		VALUES (1, '`+strings.Repeat("ä", 500)+`', 9223372036854775807, '2026-01-31 11:59:59', 'never')`)
	w, err := h.Working(t.Context(), s)
	must(t, err)
	if len(w.Claims) != 3 || w.Claims[0].MessageID != "claimed" || !w.Claims[0].ClaimedAt.Equal(minute) ||
		w.Claims[1].MessageID != "ahead" || w.Claims[1].ClaimedAt != nil || w.Claims[2].MessageID != "garbled" || w.Claims[2].ClaimedAt != nil {
		t.Errorf("claims: %+v", w.Claims)
	}
	if w.Tool == nil || len(w.Tool.Name) > 256 || *w.Tool.Timeout > 366*24*time.Hour || !w.Tool.StartedAt.Equal(c.now().Add(-time.Second)) {
		t.Errorf("tool: %+v", w.Tool)
	}
	for id, want := range map[string]struct {
		status                engine.MessageStatus
		claimed, acknowledged bool
	}{
		"waits": {engine.MessagePending, false, false}, "claimed": {engine.MessageProcessing, true, false}, "ahead": {engine.MessageProcessing, false, false},
		"garbled": {engine.MessageProcessing, false, false}, "done": {engine.MessageCompleted, false, true},
	} {
		m, err := h.Message(t.Context(), s.ID, id)
		must(t, err)
		if m.Status != want.status || (m.ClaimedAt != nil) != want.claimed || (m.AcknowledgedAt != nil) != want.acknowledged {
			t.Errorf("%s is %s, claimed %v, acknowledged %v", id, m.Status, m.ClaimedAt, m.AcknowledgedAt)
		}
	}
	settle(t, h, s) // also once it is copied
	m, err := h.Message(t.Context(), s.ID, "done")
	must(t, err)
	if m.AcknowledgedAt == nil || !m.AcknowledgedAt.Equal(minute) {
		t.Errorf("acknowledged at %v, not %v", m.AcknowledgedAt, minute)
	}
}
