package tests_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/traces"
)

// stuckTraces store nothing while they are stuck.
type stuckTraces struct {
	*traces.Traces
	goOn chan struct{}
}

func (s stuckTraces) Store(ctx context.Context, now time.Time) error {
	<-s.goOn
	return s.Traces.Store(ctx, now)
}

func TestWhereTracesCannotBeStoredMessagesAreWrittenAndTheirTracesCounted(t *testing.T) {
	r := openRooms(t)
	kept, err := traces.Open(t.Context(), filepath.Join(t.TempDir(), "traces.db"), traces.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	stuck := stuckTraces{kept, make(chan struct{})}
	r.config.Traces = stuck
	e := r.open(t)
	t.Cleanup(func() { close(stuck.goOn) }) // before the engine is closed
	for i := range 90 {                     // that fail, each with a reason, make a trace large
		mustInstall(t, e, fmt.Sprintf("fails-%d", i), answering("on_message", `{"action":"no such"}`), engine.HookChanges{OnFailure: new(engine.HookSkip)})
	}
	s := newSharedSession(t, e)
	n := 0
	for e.LostTraces() == 0 {
		if n += 100; n > 10_000 {
			t.Fatal("all of 10,000 large ones are kept in memory")
		}
		batch := make([]engine.WriteMessageInput, 100)
		for i := range batch {
			batch[i] = engine.WriteMessageInput{SessionID: s.ID, Content: "hello"}
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
	t.Logf("of %d messages the traces of %d were not kept", n, e.LostTraces())
}
