package delivery_test

import (
	"context"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// ask is what a container does that asks for an action.
func ask(t *testing.T, h *hosttest.Host, s engine.Session, id, seq, content string) {
	t.Helper()
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('`+id+`', `+seq+`, '2026-01-31T12:00:00Z', 'system', '`+content+`')`)
}

func TestAnAgentSchedulesListsAndCancelsItsTasks(t *testing.T) {
	h, _ := newHost(t, nil)
	s := session(t, h)
	ask(t, h, s, "a1", "1", `{"action":"schedule_task","taskId":"daily","prompt":"report","recurrence":"0 9 * * *","timeZone":"Europe/Berlin"}`)
	waitStatus(t, h, s, "a1", engine.DeliveryDelivered)
	m, err := h.Message(t.Context(), s.ID, "daily")
	if err != nil || m.Kind != "task" || m.Recurrence == nil || m.ProcessAfter == nil || m.Content != `{"prompt":"report"}` {
		t.Fatalf("%+v, %v", m, err)
	}
	for i, c := range []struct {
		action string
		want   engine.MessageStatus
	}{{"pause", engine.MessagePaused}, {"resume", engine.MessagePending}, {"cancel", engine.MessageCancelled}} {
		if c.action == "cancel" {
			ask(t, h, s, "list", "21", `{"action":"list_tasks"}`)
			waitStatus(t, h, s, "list", engine.DeliveryDelivered)
		}
		ask(t, h, s, c.action, string(rune('3'+2*i)), `{"action":"`+c.action+`_task","taskId":"daily"}`)
		waitStatus(t, h, s, c.action, engine.DeliveryDelivered)
		if m, err := h.Message(t.Context(), s.ID, "daily"); err != nil || m.Status != c.want {
			t.Errorf("after %s it is %s, %v", c.action, m.Status, err)
		}
	}
	var told string
	for _, m := range inboxOf(t, h, s) {
		if m.Kind == "system" {
			told += m.Content + "\n"
		}
	}
	if !strings.Contains(told, `"action":"schedule_task"`) || !strings.Contains(told, `"taskId":"daily"`) || !strings.Contains(told, `"recurrence":"0 9 * * *"`) {
		t.Errorf("the agent was told %s", told)
	}
}

func TestWhatTheEngineCannotDoIsSaid(t *testing.T) {
	h, _ := newHost(t, nil)
	r := newReceiver(t, ok)
	push(t, h, r.URL)
	s := session(t, h)
	for i, content := range []string{`{"action":"fly"}`, `no json`, `{"action":5}`, `{"action":"pause_task"}`, `{"action":"pause_task","taskId":"x"}`,
		`{"action":"schedule_task"}`, `{"action":"schedule_task","prompt":"p","recurrence":"whenever"}`, `{"action":"schedule_task","prompt":"p","processAfter":"soon"}`} {
		id := string(rune('a' + i))
		ask(t, h, s, id, string(rune('1'+i)), content)
		waitStatus(t, h, s, id, engine.DeliveryFailed)
		hosttest.Wait(t, "the agent to be told", func() bool {
			rows := h.Rows(t, s, "inbound.db", `SELECT content FROM messages_in WHERE kind = 'system'`)
			return len(rows) == i+1 && strings.Contains(rows[i], `"replyId":"`+id+`"`)
		})
	}
	if len(r.ids("")) > 0 {
		t.Error("an action reached a chat")
	}
}

func TestALibraryUserAddsActions(t *testing.T) {
	data := t.TempDir()
	h := hosttest.OpenWith(t, data, sessions.Options{}, engine.NewEventQueue(), func(c *engine.Config) {
		c.Actions = map[string]engine.Action{"echo": func(_ context.Context, _ *engine.Engine, _ engine.Session, _ string, request map[string]any) (any, error) {
			return request["text"], nil
		}}
	})
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	s := session(t, h)
	ask(t, h, s, "a", "1", `{"action":"echo","text":"hello"}`)
	waitStatus(t, h, s, "a", engine.DeliveryDelivered)
	if got := inboxOf(t, h, s); len(got) != 1 || !strings.Contains(got[0].Content, `"result":"hello"`) {
		t.Errorf("the agent was told %+v", got)
	}
}
