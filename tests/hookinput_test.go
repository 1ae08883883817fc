package tests_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/tests/internal/guest"
)

// seeingHost keeps the input of the last call.
type seeingHost struct {
	engine.HookHost
	input *[]byte
}

func (h seeingHost) Run(ctx context.Context, c engine.HookCall) (_ engine.HookAction, err error) {
	if *h.input, err = c.Subject.AppendInput(ctx, nil); err != nil {
		return "", err
	}
	return h.HookHost.Run(ctx, c)
}

// Much of what hooks see is the same for most of a session's messages, and kept
// with it: each must have its own all the same.
func TestHooksSeeEachMessageAsItIs(t *testing.T) {
	r := openRooms(t)
	var input []byte
	r.config.Hooks = seeingHost{r.hooks, &input}
	e := r.open(t)
	mustInstall(t, e, "pass", guest.Answering(`{"action":"pass"}`), engine.HookChanges{})
	g, err := e.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{Name: "Agents"})
	if err != nil {
		t.Fatal(err)
	}
	var sessions []engine.Session
	for _, name := range []string{"one", "two"} {
		chat, _, err := e.EnsureMessagingGroup(t.Context(), engine.EnsureMessagingGroupInput{ChannelType: "telegram", PlatformID: name})
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := e.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: g.ID, MessagingGroupID: &chat.ID, ThreadID: new("thread"), Mode: engine.ModePerThread})
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	none, other := engine.Some[*string](nil), engine.Some(new("other"))
	for round := range 2 {
		for i, in := range []engine.WriteMessageInput{
			{},
			{Kind: "task"},
			{Trigger: true},
			{PlatformID: other},
			{ChannelType: none},
			{ThreadID: other},
			{PlatformID: none, ChannelType: none, ThreadID: none},
			{SourceSessionID: &sessions[0].ID},
		} {
			for _, s := range sessions {
				in.SessionID, in.Content = s.ID, map[string]any{"text": "hello"}
				m, _, err := e.WriteMessage(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				type message struct {
					ID, Kind                                         string
					PlatformID, ChannelType, ThreadID, SourceSession *string
					Trigger                                          bool
				}
				var saw struct {
					Message struct {
						message
						SourceSessionID *string
					}
					Session struct{ ID, AgentGroupID string }
				}
				if err := json.Unmarshal(input, &saw); err != nil {
					t.Fatalf("%s: %v", input, err)
				}
				got := saw.Message.message
				got.SourceSession = saw.Message.SourceSessionID
				want := message{m.ID, m.Kind, m.Route.PlatformID, m.Route.ChannelType, m.Route.ThreadID, m.SourceSessionID, in.Trigger}
				if !reflect.DeepEqual(got, want) || saw.Session.ID != s.ID || saw.Session.AgentGroupID != s.AgentGroupID {
					t.Errorf("round %d, message %d: hooks see %s", round, i, input)
				}
			}
		}
	}
}
