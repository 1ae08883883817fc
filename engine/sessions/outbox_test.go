package sessions_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// answer is what a container does that replies; seq is SQL.
func answer(t testing.TB, h *hosttest.Host, s engine.Session, id, seq string) {
	t.Helper()
	h.Exec(t, s, "outbound.db", fmt.Sprintf(`INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('%s', %s, '2026-01-31T12:00:00Z', 'chat', '{"text":"hi"}')`, id, seq))
}

func claimed(t testing.TB, h *hosttest.Host, s engine.Session, limit int) []string {
	t.Helper()
	replies, err := h.ClaimReplies(t.Context(), engine.ClaimRepliesInput{SessionID: &s.ID, Max: limit, LeaseSeconds: 60})
	must(t, err)
	var ids []string
	for _, r := range replies {
		ids = append(ids, r.ID)
	}
	return ids
}

func waitNoted(t testing.TB, h *hosttest.Host, s engine.Session, ids ...string) {
	t.Helper()
	slices.Sort(ids)
	hosttest.Wait(t, "the replies to be noted", func() bool {
		if len(h.Rows(t, s, "inbound.db", `SELECT 1 FROM sqlite_schema WHERE name = 'engine_outbox'`)) == 0 {
			return len(ids) == 0
		}
		return slices.Equal(h.Rows(t, s, "inbound.db", `SELECT message_out_id FROM engine_outbox ORDER BY message_out_id`), ids)
	})
}

func running(t testing.TB, h *hosttest.Host) engine.Session {
	t.Helper()
	s := h.Session(t)
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerRunning)
	must(t, err)
	return s
}

func TestRepliesAreNotedAndClaimedInOrderOfSeqOnce(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := running(t, h)
	answer(t, h, s, "third", "5")
	answer(t, h, s, "first", "1")
	answer(t, h, s, "second", "3")
	waitNoted(t, h, s, "first", "second", "third")
	if got := claimed(t, h, s, 2); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("claimed %q", got)
	}
	if got := claimed(t, h, s, 2); got != nil {
		t.Errorf("%q was given out while what is before it is with another", got)
	}
}

func TestAHostileOutboxHurtsOnlyItself(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := running(t, h)
	h.Exec(t, s, "outbound.db", `DROP TABLE messages_out; CREATE TABLE messages_out (id, seq, in_reply_to, timestamp, deliver_after, recurrence, kind, platform_id, channel_type, thread_id, content);
		INSERT INTO messages_out (rowid, id, seq, timestamp, deliver_after, kind, content) VALUES
		(-7, 'low', -1, 'x', NULL, 'chat', 'a'), (1, NULL, 1, 'x', NULL, 'chat', 'b'), (2, 'empty', 3, 'x', NULL, 'chat', NULL),
		(3, 'late', 5, 'x', 'whenever', 'chat', 'c'), (4, 'late', 7, 'x', NULL, 'chat', 'twice'), (9223372036854775807, 'top', 9223372036854775807, 'x', NULL, 'chat', 'd')`)
	waitNoted(t, h, s, "empty", "late", "low", "top")
	// Behind the highest number there is none: SQLite takes any.
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('after', 9, 'x', 'chat', 'e')`)
	waitNoted(t, h, s, "after", "empty", "late", "low", "top")
	got := claimed(t, h, s, 10)
	slices.Sort(got)
	if !slices.Equal(got, []string{"after", "late", "low", "top"}) {
		t.Errorf("claimed %q", got)
	}
	r, err := h.Reply(t.Context(), s.ID, "empty")
	must(t, err)
	if r.Delivery.Status != engine.DeliveryFailed || r.Delivery.LastError == nil || !strings.Contains(*r.Delivery.LastError, "content") {
		t.Errorf("the malformed one: %+v", r.Delivery)
	}
	if r, err := h.Reply(t.Context(), s.ID, "late"); err != nil || r.Problem == nil {
		t.Errorf("a deliver_after that is no time: %+v, %v", r, err)
	}
}

func TestAnOutboxThatIsMadeAnewIsReadAnew(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := running(t, h)
	answer(t, h, s, "a", "1")
	answer(t, h, s, "b", "3")
	waitNoted(t, h, s, "a", "b")
	h.Exec(t, s, "outbound.db", `DELETE FROM messages_out`)
	answer(t, h, s, "c", "5")
	hosttest.Wait(t, "the new one", func() bool { return slices.Equal(claimed(t, h, s, 10), []string{"c"}) })
	hosttest.Wait(t, "what was removed to fail", func() bool {
		return slices.Equal(h.Rows(t, s, "inbound.db", `SELECT message_out_id || ' ' || status FROM delivered ORDER BY 1`), []string{"a failed", "b failed"})
	})
}

func TestRepliesThatAnotherHostDeliveredAreNotDeliveredAgain(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	answer(t, h, s, "old", "1")
	answer(t, h, s, "new", "3")
	h.Exec(t, s, "inbound.db", `INSERT INTO delivered VALUES ('old', NULL, 'delivered', '2026-01-01 00:00:00')`)
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerRunning)
	must(t, err)
	waitNoted(t, h, s, "new")
	if got := claimed(t, h, s, 10); !slices.Equal(got, []string{"new"}) {
		t.Errorf("claimed %q", got)
	}
}

func TestAReplyThatIsWrittenAgainIsNotedOnce(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := running(t, h)
	answer(t, h, s, "a", "1")
	answer(t, h, s, "b", "3")
	waitNoted(t, h, s, "a", "b")
	_, err := h.MarkDelivered(t.Context(), engine.MarkDeliveredInput{SessionID: s.ID, ReplyID: "a"})
	must(t, err)
	// In a row of its own, behind those that were noted.
	h.Exec(t, s, "outbound.db", `DELETE FROM messages_out WHERE id = 'a'`)
	answer(t, h, s, "a", "1")
	answer(t, h, s, "c", "5")
	waitNoted(t, h, s, "b", "c")
	if got := claimed(t, h, s, 10); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("claimed %q", got)
	}
	hosttest.Wait(t, "the index to be without what was delivered", func() bool {
		l, err := h.UnsettledReplies(t.Context(), engine.Page{Limit: 10}, engine.UnsettledRepliesFilter{})
		must(t, err)
		return len(l.Items) == 2
	})
}

func TestALookAtAFileThatIsAsItWasOpensNothing(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{Passive: true})
	s := h.Session(t)
	answer(t, h, s, "a", "1")
	n, err := h.Store.NewReplies(t.Context(), s)
	must(t, err)
	_, err = h.Store.NoteReplies(t.Context(), s, n, nil)
	must(t, err)
	look := func(want ...string) {
		t.Helper()
		var got []string
		n, err := h.Store.NewReplies(t.Context(), s)
		for _, out := range n.Replies {
			got = append(got, out.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("found %q, %v", got, err)
		}
	}
	old := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(h.Folder(s, "outbound.db"), old, old))
	look()
	c := h.DB(t, s, "outbound.db")
	must(t, c.Exec(`BEGIN EXCLUSIVE`)) // nobody else can read
	look()
	must(t, c.Exec(`INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('b', 3, 'x', 'chat', 'hi'); COMMIT`))
	look("b")
}

// BenchmarkLookForNewReplies looks for them among 10,000 old ones.
func BenchmarkLookForNewReplies(b *testing.B) {
	h := hosttest.Open(b, sessions.Options{})
	s := h.Session(b)
	h.Exec(b, s, "outbound.db", `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
		INSERT INTO messages_out (id, seq, timestamp, kind, content) SELECT 'r' || i, 2 * i - 1, '2026-01-01T00:00:00Z', 'chat', 'hello' FROM n`)
	h.Exec(b, s, "inbound.db", `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
		INSERT INTO delivered SELECT 'r' || i, NULL, 'delivered', '2026-01-01T00:00:00Z' FROM n`)
	n, err := h.Store.NewReplies(b.Context(), s)
	must(b, err)
	_, err = h.Store.NoteReplies(b.Context(), s, n, nil)
	must(b, err)
	at := time.Unix(1_700_000_000, 0)
	for _, file := range []struct {
		name string
		step time.Duration
	}{{"changed", time.Millisecond}, {"as it was", 0}} {
		b.Run(file.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(file.step)
				must(b, os.Chtimes(h.Folder(s, "outbound.db"), at, at))
				if n, err := h.Store.NewReplies(b.Context(), s); err != nil || len(n.Replies) != 0 || n.Mark.Moved {
					b.Fatalf("%+v, %v", n, err)
				}
			}
		})
	}
}
