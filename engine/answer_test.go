package engine_test

import (
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

func TestRepliesToAMessageAreListedInTheirOrderAlsoThoseNotIndexedYet(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	m := h.MustWrite(t, s, "m", "question")
	list := func(limit int) (ids string) {
		t.Helper()
		for p := (engine.Page{Limit: limit}); ; {
			l, err := h.Answers(t.Context(), *m, p)
			hosttest.Must(t, err)
			for _, r := range l.Items {
				ids += r.ID + " "
			}
			if !l.HasNext {
				return strings.TrimSpace(ids)
			}
			p.Cursor = l.Cursors[len(l.Cursors)-1]
		}
	}
	write := func(rows string) {
		t.Helper()
		h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, in_reply_to, timestamp, kind, content) VALUES `+rows)
	}
	write(`('a', 1, 'm', '2026-01-01T00:00:00.000Z', 'chat', '1'), ('x', 3, 'other', '2026-01-01T00:00:00.000Z', 'chat', '2'), ('b', 5, 'm', '2025-01-01T00:00:00.000Z', 'chat', '3')`)
	if got := list(10); got != "a b" {
		t.Errorf("at once: %s", got)
	}
	hosttest.Wait(t, "they are indexed", func() bool {
		l, err := h.Search(t.Context(), engine.Page{Limit: 10}, engine.SearchFilter{Direction: engine.DirectionOut})
		hosttest.Must(t, err)
		return len(l.Items) == 3
	})
	write(`('c', 7, 'm', '2024-01-01T00:00:00.000Z', 'chat', '4'), ('y', 9, NULL, '2026-01-01T00:00:00.000Z', 'chat', '5')`)
	for _, limit := range []int{1, 2, 10} {
		if got := list(limit); got != "a b c" {
			t.Errorf("in pages of %d: %s", limit, got)
		}
	}
	if _, err := h.Answers(t.Context(), *m, engine.Page{Limit: 1, Cursor: "x"}); engine.CodeOf(err) != engine.CodeInvalidInput {
		t.Errorf("a cursor of another list: %v", err)
	}
}
