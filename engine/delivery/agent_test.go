package delivery_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

// peers are two agent groups of which each may write to the other, with a
// session each.
func peers(t *testing.T) (h *hosttest.Host, c *clock, a, b engine.Session) {
	t.Helper()
	h, c = newHost(t, nil)
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr("other"), Name: "Others"})
	hosttest.Must(t, err)
	for from, to := range map[string]string{hosttest.AgentGroup: "other", "other": hosttest.AgentGroup} {
		_, err := h.SetDestination(t.Context(), engine.SetDestinationInput{AgentGroupID: from, Name: "peer", TargetAgentGroupID: &to})
		hosttest.Must(t, err)
	}
	a = session(t, h)
	b, _, err = h.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: "other", Mode: engine.ModeAgentShared})
	hosttest.Must(t, err)
	_, err = h.MarkContainer(t.Context(), b.ID, engine.ContainerRunning)
	hosttest.Must(t, err)
	return h, c, a, b
}

func inboxOf(t *testing.T, h *hosttest.Host, s engine.Session) []engine.Message {
	t.Helper()
	l, err := h.Messages(t.Context(), s, engine.Page{Limit: 100}, nil)
	hosttest.Must(t, err)
	return l.Items
}

// Lesson 11.
func TestAnAnswerBetweenAgentsReturnsToTheSessionThatAsked(t *testing.T) {
	h, _, a, b := peers(t)
	hosttest.Must(t, os.MkdirAll(h.Folder(a, "outbox", "ask"), 0o770))
	hosttest.Must(t, os.WriteFile(h.Folder(a, "outbox", "ask", "plan.txt"), []byte("plan"), 0o660))
	say(t, h, a, "ask", 1, "channel_type", "agent", "platform_id", "other", "content", `{"text":"what now?","files":["plan.txt"]}`)
	waitStatus(t, h, a, "ask", engine.DeliveryDelivered)
	got := inboxOf(t, h, b)
	if len(got) != 1 || got[0].SourceSessionID == nil || *got[0].SourceSessionID != a.ID || *got[0].Route.ChannelType != "agent" ||
		*got[0].Route.PlatformID != hosttest.AgentGroup || !got[0].Trigger || !strings.Contains(got[0].Content, `"what now?"`) {
		t.Fatalf("the other has %+v", got)
	}
	files, err := h.MessageAttachments(t.Context(), b, got[0])
	if err != nil || len(files) != 1 || files[0].Name != "plan.txt" || files[0].Size != 4 {
		t.Errorf("with %+v, %v", files, err)
	}
	newer := session(t, h)
	say(t, h, b, "answer", 1, "channel_type", "agent", "platform_id", hosttest.AgentGroup, "in_reply_to", got[0].ID)
	waitStatus(t, h, b, "answer", engine.DeliveryDelivered)
	if len(inboxOf(t, h, a)) != 1 || len(inboxOf(t, h, newer)) != 0 {
		t.Error("the answer went to another session")
	}
	say(t, h, b, "more", 3, "channel_type", "agent", "platform_id", hosttest.AgentGroup)
	waitStatus(t, h, b, "more", engine.DeliveryDelivered)
	if len(inboxOf(t, h, a)) != 2 {
		t.Error("what answers nothing went to another session than that of the newest message")
	}
}

func TestAnAgentReachesOnlyItsDestinations(t *testing.T) {
	h, _, a, b := peers(t)
	for i, group := range []string{"third", "../ag"} {
		if i == 0 {
			_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: &group, Name: "Third"})
			hosttest.Must(t, err)
			_, _, err = h.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: group, Mode: engine.ModeAgentShared})
			hosttest.Must(t, err)
		}
		id := fmt.Sprint("r", i)
		say(t, h, a, id, 2*i+1, "channel_type", "agent", "platform_id", group)
		waitStatus(t, h, a, id, engine.DeliveryFailed)
	}
	// A source that the container made up is nobody that it may write to.
	h.Exec(t, b, "inbound.db", `INSERT INTO messages_in (id, seq, kind, timestamp, content, source_session_id) VALUES ('forged', 2, 'chat', '2026-01-31T12:00:00Z', 'x', '`+b.ID+`')`)
	say(t, h, b, "back", 1, "channel_type", "agent", "platform_id", hosttest.AgentGroup, "in_reply_to", "forged")
	waitStatus(t, h, b, "back", engine.DeliveryDelivered)
	if got := inboxOf(t, h, a); got[len(got)-1].SourceSessionID == nil {
		t.Errorf("it went elsewhere: %+v", got)
	}
}

// Lesson 24.
func TestAgentsThatAnswerEachOtherForEverDoSoSlowly(t *testing.T) {
	h, c, a, b := peers(t)
	for i := range 32 {
		say(t, h, a, fmt.Sprintf("r%02d", i), 2*i+1, "channel_type", "agent", "platform_id", "other")
	}
	hosttest.Wait(t, "one to be put off", func() bool {
		d := status(t, h, a, "r30")
		return d.Status == engine.DeliveryPending && d.LastError != nil
	})
	if n := len(inboxOf(t, h, b)); n != 30 {
		t.Errorf("%d arrived", n)
	}
	c.pass(2 * time.Minute)
	waitStatus(t, h, a, "r31", engine.DeliveryDelivered)
}
