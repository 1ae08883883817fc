package sessions_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// walk collects the ids of all pages; between is called after each.
func walk[T any](t *testing.T, p engine.Page, id func(T) string, list func(engine.Page) (engine.List[T], error), between func()) []string {
	t.Helper()
	var all []string
	for range 1000 {
		l, err := list(p)
		must(t, err)
		var page []string
		for _, item := range l.Items {
			page = append(page, id(item))
		}
		more := l.HasNext
		if p.Backward {
			more = l.HasPrevious
			all = append(page, all...)
		} else {
			all = append(all, page...)
		}
		if !more {
			return all
		}
		if len(page) == 0 {
			t.Fatal("a page makes no progress")
		}
		if p.Cursor = l.Cursors[len(l.Cursors)-1]; p.Backward {
			p.Cursor = l.Cursors[0]
		}
		between()
	}
	t.Fatal("the pages do not end")
	return nil
}

func TestEveryRowIsOnExactlyOnePageWhateverItsSeq(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.Exec(t, s, "outbound.db", `DROP TABLE messages_out; CREATE TABLE messages_out (id, seq, in_reply_to, timestamp, deliver_after, kind, platform_id, channel_type, thread_id, content)`)
	h.Exec(t, s, "inbound.db", `DROP TABLE messages_in; CREATE TABLE messages_in (id, seq, kind, timestamp, status, process_after, recurrence, series_id, tries, "trigger",
		platform_id, channel_type, thread_id, content, source_session_id, on_wake)`)
	for i, seq := range []string{"NULL", "NULL", "NULL", "-5", "0", "1", "3", "3", "3", "3.5", "4", "9223372036854775807", "1e300", "'text'", "''", "x'00'", "x'00'"} {
		for table, name := range map[string]string{"messages_out": "outbound.db", "messages_in": "inbound.db"} {
			h.Exec(t, s, name, fmt.Sprintf(`INSERT INTO %s (id, seq, timestamp, kind, content) VALUES ('r%02d', %s, 'x', 'chat', 'x')`, table, i, seq))
		}
	}
	want := h.Rows(t, s, "outbound.db", `SELECT id FROM messages_out ORDER BY seq, rowid`)
	for limit := 1; limit <= len(want)+1; limit++ {
		for _, backward := range []bool{false, true} {
			p := engine.Page{Limit: limit, Backward: backward}
			got := walk(t, p, func(r engine.Reply) string { return r.ID }, func(p engine.Page) (engine.List[engine.Reply], error) {
				return h.Replies(t.Context(), s, p, nil)
			}, func() {})
			if !slices.Equal(got, want) {
				t.Fatalf("replies by %+v are %q, want %q", p, got, want)
			}
			got = walk(t, p, func(m engine.Message) string { return m.ID }, func(p engine.Page) (engine.List[engine.Message], error) {
				return h.Messages(t.Context(), s, p, nil)
			}, func() {})
			if !slices.Equal(got, want) {
				t.Fatalf("messages by %+v are %q, want %q", p, got, want)
			}
		}
	}
}

func TestPagesNeitherRepeatNorSkipWhileRowsAreAdded(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	for _, backward := range []bool{false, true} {
		s := h.Session(t)
		var want []string
		add := func() {
			want = append(want, fmt.Sprintf("m%d", len(want)))
			h.MustWrite(t, s, want[len(want)-1], "x")
		}
		for range 7 {
			add()
		}
		there := slices.Clone(want)
		got := walk(t, engine.Page{Limit: 2, Backward: backward}, func(m engine.Message) string { return m.ID }, func(p engine.Page) (engine.List[engine.Message], error) {
			return h.Messages(t.Context(), s, p, nil)
		}, func() {
			if len(want) < 10 {
				add()
			}
		})
		if backward && !slices.Equal(got, there) || !backward && !slices.Equal(got, want) {
			t.Errorf("backward %v: got %q", backward, got)
		}
	}
}

func TestAPageEndsEarlyWhereContentIsLargeAndStillMakesProgress(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{Limits: engine.Limits{PageBytes: 1000}})
	s := h.Session(t)
	var want []string
	for i, size := range []int{10, 5000, 10, 10, 600, 600, 10} {
		want = append(want, fmt.Sprintf("m%d", i))
		h.MustWrite(t, s, want[i], strings.Repeat("x", size))
	}
	for _, backward := range []bool{false, true} {
		pages := 1
		got := walk(t, engine.Page{Limit: 100, Backward: backward}, func(m engine.Message) string { return m.ID }, func(p engine.Page) (engine.List[engine.Message], error) {
			l, err := h.Messages(t.Context(), s, p, nil)
			total := 0
			for _, m := range l.Items {
				total += len(m.Content)
			}
			if total > 1000 && len(l.Items) > 1 {
				t.Errorf("a page of %d items has %d bytes", len(l.Items), total)
			}
			return l, err
		}, func() { pages++ })
		if !slices.Equal(got, want) || pages < 4 {
			t.Errorf("%d pages: %q", pages, got)
		}
	}
}

func TestForgedCursorsAreInvalidInput(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.MustWrite(t, s, "m", "x")
	l, err := h.Messages(t.Context(), s, engine.Page{Limit: 1}, nil)
	must(t, err)
	good := l.Cursors[0]
	for _, cursor := range []string{"x", "!", good + "A", good[:len(good)-1], strings.ToUpper(good), "aSAxIDE7IERST1A", strings.Repeat("A", 100_000), "bnVsbA"} {
		for _, backward := range []bool{false, true} {
			p := engine.Page{Limit: 1, Cursor: cursor, Backward: backward}
			_, err := h.Messages(t.Context(), s, p, nil)
			wantCode(t, err, engine.CodeInvalidInput)
			_, err = h.Replies(t.Context(), s, p, nil)
			wantCode(t, err, engine.CodeInvalidInput)
		}
	}
	for _, limit := range []int{-1, 0, 101} {
		_, err := h.Messages(t.Context(), s, engine.Page{Limit: limit}, nil)
		wantCode(t, err, engine.CodeInvalidInput)
	}
}

func TestRepliesAreFilteredByWhatBecameOfThem(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('a', 1, '2026-01-01 00:00:00', 'chat', 'x'),
		('b', 3, '2026-01-01 00:00:00', 'chat', 'x'), ('c', 5, '2026-01-01 00:00:00', 'chat', 'x'), ('d', 7, 'late', 'chat', 'x')`)
	h.Exec(t, s, "inbound.db", `INSERT INTO delivered VALUES ('a', 'p1', 'delivered', '2026-01-01 00:00:01'), ('b', NULL, 'failed', '2026-01-01 00:00:01'), ('d', NULL, 'odd', 'x')`)
	for status, want := range map[engine.DeliveryStatus]string{engine.DeliveryDelivered: "a", engine.DeliveryFailed: "b", engine.DeliveryPending: "c", engine.DeliveryUnknown: "d"} {
		l, err := h.Replies(t.Context(), s, engine.Page{Limit: 10}, []engine.DeliveryStatus{status})
		must(t, err)
		if len(l.Items) != 1 || l.Items[0].ID != want || (l.Items[0].Problem != nil) != (want == "d") {
			t.Errorf("%s: %+v", status, l.Items)
		}
		r, err := h.Reply(t.Context(), s.ID, want)
		if err != nil || r.Delivery.Status != status {
			t.Errorf("%s is %s, %v", want, r.Delivery.Status, err)
		}
	}
	_, err := h.Reply(t.Context(), s.ID, "none")
	wantCode(t, err, engine.CodeNotFound)
}
