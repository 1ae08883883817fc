package engine_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/index"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

var failedOnes = engine.SearchFilter{MessageStatus: []engine.MessageStatus{engine.MessageFailed}, DeliveryStatus: []engine.DeliveryStatus{engine.DeliveryFailed}}

// failed writes messages to a session whose agent gives them up, and has
// replies that nobody can deliver.
func failed(t *testing.T, h *hosttest.Host, s engine.Session, messages, replies []string) {
	t.Helper()
	for _, id := range messages {
		h.MustWrite(t, s, id, "the text of "+id)
		h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('`+id+`', 'failed', '2026-01-01T00:00:00Z')`)
	}
	for i, id := range replies {
		h.Exec(t, s, "outbound.db", fmt.Sprintf(`INSERT INTO messages_out (id, seq, timestamp, kind, content, channel_type, platform_id)
			VALUES ('%s', %d, '2026-01-01T00:00:00.000Z', 'chat', '{"text":"hello"}', 'nowhere', 'x')`, id, 2*i+1))
	}
	awaitCount(t, h, engine.OperationRetry, failedOnes, len(messages)+len(replies))
}

func awaitAttention(t *testing.T, h *hosttest.Host, messages, replies int) {
	t.Helper()
	hosttest.Wait(t, fmt.Sprintf("%d messages and %d replies need attention", messages, replies), func() bool {
		a, err := h.Attention(t.Context(), nil)
		hosttest.Must(t, err)
		return a.FailedMessages.Count == messages && a.FailedReplies.Count == replies && a.Index.Behind == 0
	})
}

func checkDiscarded(t *testing.T, h *hosttest.Host, s engine.Session, message, reply string) {
	t.Helper()
	m, err := h.Message(t.Context(), s.ID, message)
	hosttest.Must(t, err)
	if m.Status != engine.MessageCancelled || m.Problem == nil || !strings.Contains(*m.Problem, "discarded") || m.AcknowledgedAt == nil {
		t.Errorf("the message is %+v", m)
	}
	r, err := h.Reply(t.Context(), s.ID, reply)
	hosttest.Must(t, err)
	if d := r.Delivery; d.Status != engine.DeliveryCancelled || d.LastError == nil || !strings.Contains(*d.LastError, "discarded after it had failed: ") || d.SettledAt == nil {
		t.Errorf("the reply is %+v", r.Delivery)
	}
}

func TestWhatFailedCanBeDiscardedAndIsThenNobodysConcern(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	failed(t, h, s, []string{"one", "many"}, []string{"r-one", "r-many"})
	awaitAttention(t, h, 2, 2)
	waiting := len(waitingTexts(t, h, s))

	for range 2 { // to say it again changes nothing
		_, err := h.DiscardMessage(t.Context(), s.ID, "one")
		hosttest.Must(t, err)
		_, err = h.DiscardReply(t.Context(), s.ID, "r-one")
		hosttest.Must(t, err)
	}
	checkDiscarded(t, h, s, "one", "r-one")
	awaitAttention(t, h, 1, 1)

	awaitCount(t, h, engine.OperationCancel, failedOnes, 0) // which is for what waits
	all := engine.SearchFilter{SessionID: s.ID}
	awaitCount(t, h, engine.OperationDiscard, all, 2)
	op, err := h.StartOperation(t.Context(), engine.StartOperationInput{Action: engine.OperationDiscard, Filter: all, Reason: "answered by phone", ExpectedCount: 2})
	hosttest.Must(t, err)
	if op = awaitEnd(t, h, op.ID); op.Done != 2 {
		t.Fatalf("it ended as %+v", op)
	}
	checkDiscarded(t, h, s, "many", "r-many")
	for d, id := range map[engine.Direction]string{engine.DirectionIn: "many", engine.DirectionOut: "r-many"} {
		marks, err := h.OperationMarks(t.Context(), s, d, id)
		hosttest.Must(t, err)
		if len(marks) != 1 || marks[0].Action != engine.OperationDiscard || marks[0].Reason != "answered by phone" {
			t.Errorf("%s is marked by %+v", id, marks)
		}
	}
	awaitAttention(t, h, 0, 0)
	l, err := h.UnsettledReplies(t.Context(), engine.Page{Limit: 10}, engine.UnsettledRepliesFilter{})
	hosttest.Must(t, err)
	if len(l.Items) > 0 {
		t.Errorf("unsettled: %+v", l.Items)
	}
	if now := len(waitingTexts(t, h, s)); now != waiting {
		t.Errorf("the agent was told %d times more of what it knew", now-waiting)
	}
	awaitCount(t, h, engine.OperationRetry, all, 0) // somebody wanted it so

	// It is in the folders, not in the index alone.
	hosttest.Must(t, h.Close())
	hosttest.Must(t, index.Remove(filepath.Join(h.Data, "index.db")))
	h = searched(t, h.Data)
	off := engine.SearchFilter{MessageStatus: []engine.MessageStatus{engine.MessageCancelled}, DeliveryStatus: []engine.DeliveryStatus{engine.DeliveryCancelled}}
	awaitCount(t, h, engine.OperationRetry, off, 4)
	awaitAttention(t, h, 0, 0)
	_, err = h.RetryMessage(t.Context(), s.ID, "many")
	hosttest.Must(t, err)
	_, err = h.RetryReply(t.Context(), s.ID, "r-many")
	hosttest.Must(t, err)
	awaitAttention(t, h, 0, 1) // it cannot be delivered now either
}

func TestWhatHasNotFailedCannotBeDiscarded(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	h.MustWrite(t, s, "waits", "now")
	h.MustWrite(t, s, "done", "then")
	h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('done', 'completed', '2026-01-01T00:00:00Z')`)
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r', 1, '2026-01-01T00:00:00.000Z', 'chat', '{"text":"hello"}')`)
	for _, id := range []string{"waits", "done"} {
		_, err := h.DiscardMessage(t.Context(), s.ID, id)
		hosttest.WantCode(t, err, engine.CodeConflict)
	}
	_, err := h.DiscardMessage(t.Context(), s.ID, "nobody's")
	hosttest.WantCode(t, err, engine.CodeNotFound)
	_, err = h.DiscardReply(t.Context(), s.ID, "r")
	hosttest.WantCode(t, err, engine.CodeConflict)
}

func TestToDiscardARunThatFailedLeavesItsSeries(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	day := "0 6 * * *"
	_, _, err := h.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: hosttest.Ptr("run"), Content: "the report", Recurrence: &day,
		ProcessAfter: hosttest.Ptr(time.Now()), Trigger: true})
	hosttest.Must(t, err)
	h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('run', 'failed', '2026-01-01T00:00:00Z')`)
	m, err := h.DiscardMessage(t.Context(), s.ID, "run")
	hosttest.Must(t, err)
	if m.ID != "run" || m.Status != engine.MessageCancelled {
		t.Errorf("the run is %+v", m)
	}
	if got := waitingTexts(t, h, s); len(got) != 1 {
		t.Errorf("of the series %q is left", got)
	}
}

func TestWhatWasRetriedNeedsNoAttentionAndIsNotRetriedWithOthers(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	failed(t, h, s, []string{"a", "b"}, nil)
	again, err := h.RetryMessage(t.Context(), s.ID, "a")
	hosttest.Must(t, err)
	m, err := h.Message(t.Context(), s.ID, "a")
	hosttest.Must(t, err)
	if m.Status != engine.MessageFailed || m.RetriedAs == nil || *m.RetriedAs != again.ID {
		t.Errorf("the retried one is %+v", m)
	}
	awaitAttention(t, h, 1, 0)
	awaitCount(t, h, engine.OperationRetry, failedOnes, 1)

	// A retry that fails too stands for both.
	h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('`+again.ID+`', 'failed', '2026-01-01T00:00:00Z')`)
	awaitAttention(t, h, 2, 0)
	hosttest.Must(t, h.Close())
	hosttest.Must(t, index.Remove(filepath.Join(h.Data, "index.db")))
	h = searched(t, h.Data)
	awaitAttention(t, h, 2, 0)
	awaitCount(t, h, engine.OperationRetry, failedOnes, 2)
}

// A crash may lose the events of what was done before it.
func TestTheIndexFindsWhatWasDiscardedRightBeforeACrash(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	failed(t, h, s, []string{"m", "retried"}, []string{"r"})
	hosttest.Must(t, h.Close())
	h.Exec(t, s, "inbound.db", `UPDATE messages_in SET status = 'cancelled' WHERE id = 'm'`)
	h.Exec(t, s, "inbound.db", `UPDATE engine_outbox SET state = 'cancelled' WHERE message_out_id = 'r'`)
	h.Exec(t, s, "inbound.db", `CREATE TABLE engine_retry (message_id TEXT PRIMARY KEY, retry_id TEXT NOT NULL) WITHOUT ROWID`)
	h.Exec(t, s, "inbound.db", `INSERT INTO engine_retry VALUES ('retried', 'm')`)
	c, err := sqlite3.Open(filepath.Join(h.Data, "engine.db"))
	hosttest.Must(t, err)
	hosttest.Must(t, c.Exec(`UPDATE event_log SET appending = 1`)) // as it is after a kill
	hosttest.Must(t, c.Close())
	h = searched(t, h.Data)
	awaitAttention(t, h, 0, 0)
}
