package graph_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func TestMessagesTellWhatHooksDidToThem(t *testing.T) {
	w := mustWorld(t)
	must(t)(w.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: new("ag"), Name: "AG"}))
	s := w.mustSession(t, "SESSION", engine.ResolveSessionInput{AgentGroupID: "ag"})
	w.install(t, "h", "REDACT", engine.HookChanges{})
	w.query(t, writeText, map[string]any{"session": s.ID, "text": "hello"})
	text := w.query(t, `query($id: ID!) { session(id: $id) { messages { nodes { receivedAt writtenAt hookRuns {
		hook version point action reason micros fuel attachment attachmentName changes { path sizeBefore sizeAfter } } } } } }`, map[string]any{"id": s.ID})
	type run struct {
		Hook, Version, Point, Action string
		Reason, AttachmentName       *string
		Attachment                   *int
		Micros                       float64
		Fuel                         int
		Changes                      json.RawMessage
	}
	var answer struct {
		Data struct {
			Session struct {
				Messages struct {
					Nodes []struct {
						ReceivedAt, WrittenAt *string
						HookRuns              []run
					}
				}
			}
		}
	}
	mustDecode(t, text, &answer)
	nodes := answer.Data.Session.Messages.Nodes
	if len(nodes) != 2 || len(nodes[0].HookRuns) != 1 || nodes[1].HookRuns != nil || nodes[1].WrittenAt != nil {
		t.Fatalf("%s", text)
	}
	noon := "2026-01-31T12:00:00.000Z"
	if at := nodes[0].WrittenAt; at == nil || *at != noon || *nodes[0].ReceivedAt != noon {
		t.Errorf("%s", text)
	}
	hook, err := w.Hook(t.Context(), "h")
	if err != nil {
		t.Fatal(err)
	}
	got := nodes[0].HookRuns[0]
	if got.Hook != "h" || got.Version != hook.Version().SHA256 || got.Point != "ON_MESSAGE" || got.Action != "REPLACE" || got.Micros <= 0 || got.Fuel <= 0 ||
		!slices.Equal([]bool{got.Reason == nil, got.Attachment == nil, got.AttachmentName == nil}, []bool{true, true, true}) {
		t.Errorf("%s", text)
	}
	if want := `[{"path":"/text","sizeBefore":5,"sizeAfter":10}]`; string(got.Changes) != want {
		t.Errorf("changes are %s, not %s", got.Changes, want)
	}
}
