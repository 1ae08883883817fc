package sessions_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

func acknowledge(t *testing.T, h *hosttest.Host, s engine.Session, id, status string) {
	t.Helper()
	h.Exec(t, s, "outbound.db", `INSERT OR REPLACE INTO processing_ack VALUES ('`+id+`', '`+status+`', datetime('now'))`)
}

// Lesson 16, and statuses as they are known before they are copied.
func TestAcknowledgementsAreSeenAtOnceAndCopiedSoon(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	want := map[string]engine.MessageStatus{"done": engine.MessageCompleted, "bad": engine.MessageFailed, "at work": engine.MessageProcessing,
		"odd": engine.MessagePending, "new": engine.MessagePending}
	for id := range want {
		h.MustWrite(t, s, id, "hello")
	}
	acknowledge(t, h, s, "done", "completed")
	acknowledge(t, h, s, "bad", "failed")
	acknowledge(t, h, s, "at work", "processing")
	acknowledge(t, h, s, "odd", "something new")
	for id, status := range want {
		m, err := h.Message(t.Context(), s.ID, id)
		must(t, err)
		if m.Status != status {
			t.Errorf("%s is %s, want %s", id, m.Status, status)
		}
		l, err := h.Messages(t.Context(), s, engine.Page{Limit: 10}, []engine.MessageStatus{status})
		must(t, err)
		if !slices.ContainsFunc(l.Items, func(m engine.Message) bool { return m.ID == id }) {
			t.Errorf("%s is not listed as %s", id, status)
		}
	}
	hosttest.Wait(t, "both acknowledgements", func() bool {
		return slices.Equal(h.Rows(t, s, "inbound.db", `SELECT id, status FROM messages_in WHERE status != 'pending' ORDER BY id`), []string{"bad|failed", "done|completed"})
	})
	// The same size, perhaps within the clock's grain of the last change.
	acknowledge(t, h, s, "at work", "completed")
	acknowledge(t, h, s, "new", "completed")
	hosttest.Wait(t, "all acknowledgements", func() bool {
		return slices.Equal(h.Rows(t, s, "inbound.db", `SELECT id FROM messages_in WHERE status = 'pending'`), []string{"odd"})
	})
}

// What is known of the messages that wait must not keep news of them from being seen.
func TestAnAcknowledgementIsCopiedAfterRepliesThatCameWithoutOne(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := running(t, h)
	waits := func(want ...string) {
		t.Helper()
		hosttest.Wait(t, "the acknowledgement", func() bool {
			return slices.Equal(h.Rows(t, s, "inbound.db", `SELECT id FROM messages_in WHERE status = 'pending' ORDER BY id`), want)
		})
	}
	h.MustWrite(t, s, "first", "hello")
	answer(t, h, s, "a", "1")
	waitNoted(t, h, s, "a")
	answer(t, h, s, "b", "3")
	waitNoted(t, h, s, "a", "b")
	h.MustWrite(t, s, "second", "hello again")
	acknowledge(t, h, s, "second", "completed")
	waits("first")
	answer(t, h, s, "c", "5")
	waitNoted(t, h, s, "a", "b", "c")
	acknowledge(t, h, s, "first", "processing")
	acknowledge(t, h, s, "first", "completed")
	waits()
}

// The watcher hears of a message after its commit, and of another program's
// never: its container may have answered it, and fallen silent, by then.
func TestAnAcknowledgementOfWhatWasNotKnownToWaitIsCopied(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := running(t, h)
	h.MustWrite(t, s, "first", "hello")
	answer(t, h, s, "a", "1")
	waitNoted(t, h, s, "a")
	for _, m := range []struct {
		id, seq, reply, replySeq string
		told                     bool
		noted                    []string
	}{
		{"heard of later", "1002", "b", "1003", true, []string{"a", "b"}},
		{"never heard of", "1004", "c", "1005", false, []string{"a", "b", "c"}},
	} {
		h.Exec(t, s, "inbound.db", `INSERT INTO messages_in (id, seq, timestamp, kind, content) VALUES ('`+m.id+`', `+m.seq+`, '2026-01-31T12:00:00Z', 'chat', '{"text":"hello"}')`)
		acknowledge(t, h, s, m.id, "completed")
		answer(t, h, s, m.reply, m.replySeq)
		waitNoted(t, h, s, m.noted...)
		if m.told {
			h.Store.Expect(s)
		}
		hosttest.Wait(t, "the acknowledgement of what was "+m.id, func() bool {
			return slices.Equal(h.Rows(t, s, "inbound.db", `SELECT id FROM messages_in WHERE status = 'pending'`), []string{"first"})
		})
	}
}

func TestAContainerThatStartsAfterARestartIsWatched(t *testing.T) {
	data := t.TempDir()
	h := hosttest.OpenAt(t, data, sessions.Options{})
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	must(t, err)
	s := h.Session(t)
	h.MustWrite(t, s, "m", "hello")
	must(t, h.Close())
	h = hosttest.OpenAt(t, data, sessions.Options{})
	_, err = h.MarkContainer(t.Context(), s.ID, engine.ContainerRunning)
	must(t, err)
	acknowledge(t, h, s, "m", "completed")
	hosttest.Wait(t, "the acknowledgement", func() bool {
		return slices.Equal(h.Rows(t, s, "inbound.db", `SELECT status FROM messages_in`), []string{"completed"})
	})
}

// Lessons 30 and 31.
func TestAContainersClaimsAndHeartbeatEndWithIt(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.MustWrite(t, s, "m", "hello")
	h.MustWrite(t, s, "n", "hello")
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerRunning)
	must(t, err)
	acknowledge(t, h, s, "m", "processing")
	acknowledge(t, h, s, "n", "completed")
	must(t, os.WriteFile(h.Folder(s, ".heartbeat"), nil, 0o666))
	future := time.Now().Add(time.Hour)
	must(t, os.Chtimes(h.Folder(s, ".heartbeat"), future, future))
	if at, err := h.Heartbeat(t.Context(), s); err != nil || at == nil || at.After(time.Now()) {
		t.Errorf("the heartbeat is %v, %v", at, err)
	}
	_, err = h.MarkContainer(t.Context(), s.ID, engine.ContainerStopped)
	must(t, err)
	if rows := h.Rows(t, s, "outbound.db", `SELECT message_id FROM processing_ack`); !slices.Equal(rows, []string{"n"}) {
		t.Errorf("claims: %q", rows)
	}
	if rows := h.Rows(t, s, "inbound.db", `SELECT id, status FROM messages_in ORDER BY id`); !slices.Equal(rows, []string{"m|pending", "n|completed"}) {
		t.Errorf("messages: %q", rows)
	}
	_, err = h.MarkContainer(t.Context(), s.ID, engine.ContainerRunning)
	must(t, err)
	if at, err := h.Heartbeat(t.Context(), s); err != nil || at != nil {
		t.Errorf("a fresh container's heartbeat is %v, %v", at, err)
	}
}

func TestALargeBacklogOfAcknowledgementsIsCopiedWhole(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) `
	h.Exec(t, s, "inbound.db", numbers+`INSERT INTO messages_in (id, seq, kind, timestamp, content) SELECT 'm' || i, 2 * i, 'chat', '2026-01-01T00:00:00Z', 'x' FROM n`)
	h.Exec(t, s, "outbound.db", numbers+`INSERT INTO processing_ack SELECT 'm' || i, 'completed', '2026-01-01T00:00:00Z' FROM n`)
	if _, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerStopped); err != nil {
		t.Fatal(err)
	}
	if rows := h.Rows(t, s, "inbound.db", `SELECT count(*) FROM messages_in WHERE status = 'completed'`); !slices.Equal(rows, []string{"9000"}) {
		t.Errorf("%v of 9000 are completed", rows)
	}
}
