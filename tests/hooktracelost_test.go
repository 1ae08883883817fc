package tests_test

import (
	"context"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/tests/internal/guest"
)

// stuckTraces stores nothing while it is stuck.
type stuckTraces struct{ goOn chan struct{} }

func (s stuckTraces) Keep(context.Context, []*engine.HookTrace, time.Time) error {
	<-s.goOn
	return nil
}

func (stuckTraces) Find(context.Context, string, engine.Direction, []int64) (map[int64]*engine.HookTrace, error) {
	return nil, nil
}
func (stuckTraces) Sessions(context.Context, string, int) ([]string, error) { return nil, nil }
func (stuckTraces) Forget(context.Context, string) (bool, error)            { return false, nil }
func (stuckTraces) Prune(context.Context, time.Time) (bool, error)          { return false, nil }

func TestWhereTracesCannotBeStoredMessagesAreWrittenAndTheirTracesCounted(t *testing.T) {
	r := openRooms(t)
	stuck := stuckTraces{make(chan struct{})}
	r.config.Traces = stuck
	e := r.open(t)
	t.Cleanup(func() { close(stuck.goOn) }) // before the engine is closed
	mustInstall(t, e, "pass", guest.Reactor(), engine.HookChanges{})
	mustInstall(t, e, "files", answering("on_attachment", `{"action":"remove"}`), engine.HookChanges{})
	if _, err := e.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: new("ag"), Name: "AG"}); err != nil {
		t.Fatal(err)
	}
	s, _, err := e.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: "ag"})
	if err != nil {
		t.Fatal(err)
	}
	// Many runs make a trace large.
	for n := 0; e.LostTraces() == 0; n++ {
		if n > 1000 {
			t.Fatal("all of 1,000 large ones are kept in memory")
		}
		batch := make([]engine.WriteMessageInput, 100)
		for i := range batch {
			files := make([]any, 90)
			for k := range files {
				files[k] = map[string]any{"name": "a", "data": ""}
			}
			batch[i] = engine.WriteMessageInput{SessionID: s.ID, Content: map[string]any{"attachments": files}}
		}
		results, err := e.WriteMessages(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
}
