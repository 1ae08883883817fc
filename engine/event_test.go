package engine_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

func mustReader(t *testing.T, h *hosttest.Host, in engine.EventsInput) *engine.EventReader {
	t.Helper()
	r, err := h.Events(t.Context(), in)
	hosttest.Must(t, err)
	return r
}

// mustRead reads n events at least.
func mustRead(t *testing.T, r *engine.EventReader, n int) []engine.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var all []engine.Event
	for len(all) < n {
		events, err := r.Read(ctx)
		if err != nil {
			t.Fatalf("after %d of %d events: %v", len(all), n, err)
		}
		all = append(all, events...)
	}
	return all
}

func what(events []engine.Event) []string {
	out := make([]string, len(events))
	for i, ev := range events {
		out[i] = fmt.Sprint(ev.Type, " ", ev.SessionID, ev.MessageID, ev.HookName)
	}
	return out
}

func TestEachChangeIsAnEventOnce(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	r := mustReader(t, h, engine.EventsInput{After: hosttest.Ptr("0")})
	s := h.Session(t)
	key := engine.ResolveSessionInput{AgentGroupID: s.AgentGroupID, MessagingGroupID: s.MessagingGroupID}
	for range 2 { // the second time nothing changes
		_, _, err := h.ResolveSession(t.Context(), key)
		hosttest.Must(t, err)
		_, _, err = h.Write(t, s, "m1", "hello")
		hosttest.Must(t, err)
		_, err = h.MarkContainer(t.Context(), s.ID, engine.ContainerRunning)
		hosttest.Must(t, err)
	}
	_, _, err := h.Write(t, s, "m1", "another under the same id")
	hosttest.WantCode(t, err, engine.CodeConflict)
	for range 2 {
		_, err := h.CloseSession(t.Context(), s.ID)
		hosttest.Must(t, err)
	}
	want := []string{"SESSION_CREATED " + s.ID, "MESSAGE_WRITTEN " + s.ID + "m1", "SESSION_DUE " + s.ID, "SESSION_UPDATED " + s.ID, "SESSION_CLOSED " + s.ID}
	got := mustRead(t, r, len(want))
	if !slices.Equal(what(got), want) {
		t.Errorf("events are %q, not %q", what(got), want)
	}
	if more, err := r.Ready(t.Context()); len(more) > 0 || err != nil {
		t.Errorf("and then %q, %v", what(more), err)
	}
}

func TestWhoFollowsWhileManyWriteMissesNothingAndSeesNothingTwice(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	const writers, each = 8, 150
	list := make([]engine.Session, writers)
	for i := range list {
		list[i] = h.Session(t)
	}
	var reading, writing sync.WaitGroup
	read := func(r *engine.EventReader, restart bool, n int) map[string]int {
		seen := map[string]int{}
		last := int64(0)
		for count := 0; count < n; {
			events, err := r.Read(t.Context())
			if err != nil {
				t.Error(err)
				return seen
			}
			for _, ev := range events {
				if ev.N <= last {
					t.Errorf("event %d after %d", ev.N, last)
				}
				last = ev.N
				if ev.Type == engine.EventMessageWritten {
					seen[ev.SessionID+ev.MessageID]++
					count++
				}
			}
			if restart {
				cursor := r.Cursor()
				if r, err = h.Events(t.Context(), engine.EventsInput{After: &cursor}); err != nil {
					t.Error(err)
					return seen
				}
			}
		}
		return seen
	}
	results := make([]map[string]int, 4)
	begin := func(i int, in engine.EventsInput, restart bool, n int) {
		r := mustReader(t, h, in)
		reading.Go(func() { results[i] = read(r, restart, n) })
	}
	begin(0, engine.EventsInput{}, false, writers*each)
	begin(1, engine.EventsInput{}, true, writers*each)
	begin(2, engine.EventsInput{SessionID: &list[3].ID}, false, each)
	for _, s := range list {
		writing.Go(func() {
			for i := range each {
				h.MustWrite(t, s, fmt.Sprint("m", i), "hello")
			}
		})
	}
	writing.Wait()
	begin(3, engine.EventsInput{After: hosttest.Ptr("0")}, false, writers*each)
	reading.Wait()
	for i, want := range []int{writers * each, writers * each, each, writers * each} {
		if len(results[i]) != want {
			t.Errorf("reader %d saw %d of %d messages", i, len(results[i]), want)
		}
		for id, n := range results[i] {
			if n != 1 {
				t.Errorf("reader %d saw %s %d times", i, id, n)
			}
		}
	}
	if keys := slices.Sorted(maps.Keys(results[0])); !slices.Equal(keys, slices.Sorted(maps.Keys(results[1]))) {
		t.Error("who starts over sees others")
	}
}

func TestACursorGoesOnAfterARestart(t *testing.T) {
	data := t.TempDir()
	h := hosttest.OpenAt(t, data, sessions.Options{})
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	r := mustReader(t, h, engine.EventsInput{})
	s := h.Session(t)
	mustRead(t, r, 1)
	h.MustWrite(t, s, "m1", "written at the last moment")
	cursor := r.Cursor()
	hosttest.Must(t, h.Close())
	for err = nil; err == nil; _, err = r.Read(t.Context()) {
	}
	hosttest.WantCode(t, err, engine.CodeUnavailable)

	h = hosttest.OpenAt(t, data, sessions.Options{})
	r = mustReader(t, h, engine.EventsInput{After: &cursor, Types: []engine.EventType{engine.EventMessageWritten}})
	h.MustWrite(t, s, "m2", "hello")
	want := []string{"MESSAGE_WRITTEN " + s.ID + "m1", "MESSAGE_WRITTEN " + s.ID + "m2"}
	if got := what(mustRead(t, r, 2)); !slices.Equal(got, want) {
		t.Errorf("events are %q, not %q", got, want)
	}
}

func TestACursorFromElsewhereIsToldToResync(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	types := []engine.EventType{engine.EventHookFailed, engine.EventMessageWritten}
	r := mustReader(t, h, engine.EventsInput{After: hosttest.Ptr("12345"), Types: types})
	got := mustRead(t, r, 1)
	if len(got) != 1 || got[0].Type != engine.EventResyncRequired {
		t.Fatalf("events are %q", what(got))
	}
	h.MustWrite(t, s, "m1", "hello")
	if got := what(mustRead(t, r, 1)); got[0] != "MESSAGE_WRITTEN "+s.ID+"m1" {
		t.Errorf("and then %q", got)
	}
}

func TestWhatIsNoCursorTypeOrSessionIsRefused(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	for _, cursor := range []string{"", "-1", "+1", "01", "1 ", "x", "9223372036854775808", "1e3"} {
		_, err := h.Events(t.Context(), engine.EventsInput{After: &cursor})
		hosttest.WantCode(t, err, engine.CodeInvalidInput)
	}
	_, err := h.Events(t.Context(), engine.EventsInput{Types: []engine.EventType{"NEWS"}})
	hosttest.WantCode(t, err, engine.CodeInvalidInput)
	_, err = h.Events(t.Context(), engine.EventsInput{SessionID: hosttest.Ptr("sess-none")})
	hosttest.WantCode(t, err, engine.CodeNotFound)
}

func TestAReaderThatWaitsEndsWithItsContext(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	r := mustReader(t, h, engine.EventsInput{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := r.Read(ctx)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Its memory holds fewer events than are written: the reader comes back to
// what is on disk alone.
func TestAReaderThatFellBehindReadsOnFromTheDisk(t *testing.T) {
	queue := engine.NewEventQueue()
	h := hosttest.OpenWith(t, t.TempDir(), sessions.Options{}, queue)
	r := mustReader(t, h, engine.EventsInput{})
	const batches, each = 25, 1000
	fresh := mustReader(t, h, engine.EventsInput{})
	for b := range batches {
		events := make([]engine.Event, each)
		for i := range events {
			events[i] = engine.Event{Type: engine.EventMessageUpdated, SessionID: "s", MessageID: fmt.Sprint(b*each + i)}
		}
		queue.Put(events...)
		mustRead(t, fresh, each) // is on disk
	}
	for i, ev := range mustRead(t, r, batches*each) {
		if ev.MessageID != fmt.Sprint(i) {
			t.Fatalf("event %d is %+v", i, ev)
		}
	}
}

func TestWhereTheQueueOverflowsReadersAreTold(t *testing.T) {
	queue := engine.NewEventQueue()
	const n = 40_000
	for i := range n { // nobody takes them yet
		queue.Put(engine.Event{Type: engine.EventMessageUpdated, MessageID: fmt.Sprint(i)})
	}
	h := hosttest.OpenWith(t, t.TempDir(), sessions.Options{}, queue)
	r := mustReader(t, h, engine.EventsInput{After: hosttest.Ptr("0"), Types: []engine.EventType{engine.EventSessionCreated}})
	got := mustRead(t, r, 1)
	if len(got) != 1 || got[0].Type != engine.EventResyncRequired || got[0].N >= n {
		t.Errorf("events are %+v", got)
	}
}

func TestWhatAContainerAcknowledgesIsAnEvent(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	r := mustReader(t, h, engine.EventsInput{SessionID: &s.ID, Types: []engine.EventType{engine.EventMessageUpdated}})
	for _, id := range []string{"m1", "m2"} {
		h.MustWrite(t, s, id, "hello")
		h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('`+id+`', 'completed', datetime('now'))`)
		if got := what(mustRead(t, r, 1)); !slices.Equal(got, []string{"MESSAGE_UPDATED " + s.ID + id}) {
			t.Errorf("events are %q", got)
		}
		// What the event tells of is on disk.
		if rows := h.Rows(t, s, "inbound.db", `SELECT status FROM messages_in WHERE id = '`+id+`'`); rows[0] != "completed" {
			t.Errorf("%s is %v", id, rows)
		}
	}
}

// By its clock: a machine that slept is late with it, but not by as much.
func TestOldEventsAreRemovedWithinAnHour(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	rows := func() int { return len(registered(t, h, `SELECT n FROM events`)) }
	h.Session(t)
	hosttest.Wait(t, "an event on disk", func() bool { return rows() > 0 })
	c.move(7 * 24 * time.Hour)
	h.Session(t)
	hosttest.Wait(t, "another", func() bool { return rows() > 1 })
	c.move(59 * time.Minute)
	told(t, h, h.Session(t))
	if rows() < 3 {
		t.Fatal("events are removed that are not old, or all the time")
	}
	c.move(time.Minute + time.Second)
	h.Session(t)
	hosttest.Wait(t, "the end of the oldest", func() bool { return registered(t, h, `SELECT min(n) FROM events`)[0] != "1" })
}
