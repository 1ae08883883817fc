package registry_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

// mustAppend appends n events of a session, and returns their numbers.
func mustAppend(t *testing.T, r *registry.Registry, sessionID string, at time.Time, n int) []int64 {
	t.Helper()
	events := make([]engine.Event, n)
	for i := range events {
		events[i] = engine.Event{Type: engine.EventMessageWritten, At: at, SessionID: sessionID, MessageID: fmt.Sprint(i)}
	}
	must(t, r.AppendEvents(t.Context(), events))
	numbers := make([]int64, n)
	for i, ev := range events {
		numbers[i] = ev.N
	}
	return numbers
}

// mustEvents reads all events after a number.
func mustEvents(t *testing.T, r *registry.Registry, after int64, f engine.EventFilter) []engine.Event {
	t.Helper()
	var all []engine.Event
	for {
		span, err := r.Events(t.Context(), after, f, 100)
		must(t, err)
		all = append(all, span.Events...)
		if span.End == span.Newest {
			return all
		}
		if span.End <= after {
			t.Fatalf("stands still at %d of %d", after, span.Newest)
		}
		after = span.End
	}
}

func mustOpenEvents(t *testing.T, r *registry.Registry) int64 {
	t.Helper()
	newest, err := r.OpenEvents(t.Context(), created)
	must(t, err)
	return newest
}

func TestEventsComeBackAsTheyWereAppended(t *testing.T) {
	r := mustNew(t)
	if n := mustOpenEvents(t, r); n != 0 {
		t.Fatalf("the newest of no events is %d", n)
	}
	want := []engine.Event{
		{Type: engine.EventSessionCreated, At: created, SessionID: "sess-1"},
		{Type: engine.EventMessageWritten, At: created.Add(time.Millisecond), SessionID: "sess-1", MessageID: "<m&\"1\u2028"},
		{Type: engine.EventReplyWritten, At: created, SessionID: "sess-2", ReplyID: "r"},
		{Type: engine.EventHookChanged, At: created, HookName: "h"},
	}
	must(t, r.AppendEvents(t.Context(), want))
	if got := mustEvents(t, r, 0, engine.EventFilter{}); !slices.Equal(got, want) || got[0].N != 1 || got[3].N != 4 {
		t.Errorf("events are %+v, not %+v", got, want)
	}
	for name, c := range map[string]struct {
		after  int64
		filter engine.EventFilter
		want   []engine.Event
	}{
		"after":   {2, engine.EventFilter{}, want[2:]},
		"session": {0, engine.EventFilter{SessionID: "sess-1"}, want[:2]},
		"types":   {0, engine.EventFilter{Types: []engine.EventType{engine.EventReplyWritten, engine.EventHookChanged}}, want[2:]},
		"both":    {0, engine.EventFilter{SessionID: "sess-2", Types: []engine.EventType{engine.EventHookChanged}}, nil},
		"end":     {4, engine.EventFilter{}, nil},
	} {
		if got := mustEvents(t, r, c.after, c.filter); !slices.Equal(got, c.want) {
			t.Errorf("%s: events are %+v, not %+v", name, got, c.want)
		}
	}
}

func TestEventsOfOneCallThatFillManyRowsKeepTheirOrder(t *testing.T) {
	r := mustNew(t)
	mustOpenEvents(t, r)
	numbers := mustAppend(t, r, "s", created, 5000)
	got := mustEvents(t, r, 0, engine.EventFilter{})
	for i, ev := range got {
		if ev.N != int64(i+1) || ev.N != numbers[i] || ev.MessageID != fmt.Sprint(i) {
			t.Fatalf("event %d is %+v, appended as %d", i, ev, numbers[i])
		}
	}
	if len(got) != 5000 {
		t.Errorf("%d events", len(got))
	}
}

func TestEventsGoOnAfterACleanEndAndTellOfAnUncleanOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	r := mustOpen(t, path)
	mustOpenEvents(t, r)
	mustAppend(t, r, "s", created, 3)
	must(t, r.CloseEvents(t.Context()))
	mustClose(t, r)

	r = mustOpen(t, path)
	if n := mustOpenEvents(t, r); n != 3 {
		t.Fatalf("after a clean end the newest is %d", n)
	}
	mustAppend(t, r, "s", created, 1)
	mustClose(t, r) // without CloseEvents

	r = mustOpen(t, path)
	newest := mustOpenEvents(t, r)
	got := mustEvents(t, r, 4, engine.EventFilter{SessionID: "other", Types: []engine.EventType{engine.EventHookFailed}})
	if len(got) != 1 || got[0].Type != engine.EventResyncRequired || got[0].N != newest || !got[0].At.Equal(created) {
		t.Errorf("after an unclean end, newest %d: %+v", newest, got)
	}
	if _, err := r.PruneEvents(t.Context(), created, 100); err != nil || len(mustEvents(t, r, 0, engine.EventFilter{})) != 5 {
		t.Errorf("the gap counts as events: %v", err)
	}
	// Who saw more than there is does not go on under others' numbers.
	if got := mustEvents(t, r, 100, engine.EventFilter{}); len(got) != 1 || got[0].N != newest {
		t.Errorf("after an event that is lost: %+v", got)
	}
	if n := mustAppend(t, r, "s", created, 1); n[0] != newest+1 {
		t.Errorf("the next event is %d", n[0])
	}
}

func TestPruningKeepsTheNewestAndWhatIsYoung(t *testing.T) {
	r := mustNew(t)
	mustOpenEvents(t, r)
	for i := range 200 {
		mustAppend(t, r, "s", created.Add(time.Duration(i)*time.Hour), 10)
	}
	prune := func(before time.Time, keep int64) engine.EventSpan {
		t.Helper()
		steps := 0
		for more := true; more; steps++ {
			var err error
			more, err = r.PruneEvents(t.Context(), before, keep)
			must(t, err)
		}
		span, err := r.Events(t.Context(), 0, engine.EventFilter{}, 1)
		must(t, err)
		return span
	}
	if s := prune(created, 5000); s.Oldest != 1 || s.Newest != 2000 {
		t.Errorf("what is young and few was pruned: from %d to %d", s.Oldest, s.Newest)
	}
	if s := prune(created.Add(10*time.Hour), 5000); s.Oldest != 101 {
		t.Errorf("by age: from %d", s.Oldest)
	}
	if s := prune(created, 300); s.Oldest != 1701 || s.Newest != 2000 {
		t.Errorf("by number: from %d to %d", s.Oldest, s.Newest)
	}
	if s := prune(created.Add(1000*time.Hour), 0); s.Oldest != 1991 || s.Newest != 2000 {
		t.Errorf("all: from %d to %d", s.Oldest, s.Newest)
	}
	if n := mustAppend(t, r, "s", created, 1); n[0] != 2001 {
		t.Errorf("the next event is %d", n[0])
	}
}
