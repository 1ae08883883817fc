package delivery_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

type replyAct = func(ctx context.Context, sessionID, replyID string) (engine.Reply, error)

// asked is a receiver that says which reply it has, and answers when it is told
// to.
func asked(entered chan<- string, answer <-chan int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q request
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			panic(err)
		}
		select {
		case entered <- q.Reply.ID:
		case <-r.Context().Done():
			return
		}
		select {
		case status := <-answer:
			w.WriteHeader(status)
		case <-r.Context().Done():
		}
	})
}

// act does something to a reply that has to work, and leaves it as wanted.
func act(t *testing.T, s engine.Session, id string, want engine.DeliveryStatus, do replyAct) {
	t.Helper()
	r, err := do(t.Context(), s.ID, id)
	if err != nil || r.ID != id || r.Delivery.Status != want {
		t.Fatalf("%s is %+v, want %s; %v", id, r.Delivery, want, err)
	}
}

// refused does something to a reply that has to be a conflict, which says why.
func refused(t *testing.T, s engine.Session, id, why string, do replyAct) {
	t.Helper()
	if _, err := do(t.Context(), s.ID, id); engine.CodeOf(err) != engine.CodeConflict || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: %v, want a conflict with %q", id, err, why)
	}
}

func claimed(t *testing.T, h *hosttest.Host, s engine.Session) (ids []string) {
	t.Helper()
	replies, err := h.ClaimReplies(t.Context(), engine.ClaimRepliesInput{Max: 10, LeaseSeconds: 60, SessionID: &s.ID})
	hosttest.Must(t, err)
	for _, r := range replies {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestAPausedReplyHoldsBackWhatIsBehindItAlsoInAnEngineStartedAnew(t *testing.T) {
	h, c := newHost(t, nil)
	r := newReceiver(t, func(request) int { return 503 })
	push(t, h, r.URL)
	s, other := session(t, h), session(t, h)
	say(t, h, s, "r1", 1)
	hosttest.Wait(t, "the first attempt to have failed", func() bool { return status(t, h, s, "r1").LastError != nil })
	act(t, s, "r1", engine.DeliveryPaused, h.PauseReply)
	act(t, s, "r1", engine.DeliveryPaused, h.PauseReply)
	if d := status(t, h, s, "r1"); d.NextAttemptAt != nil || d.Attempts != 1 || d.LastError == nil {
		t.Errorf("paused, it is %+v", d)
	}
	say(t, h, s, "r2", 3)
	r.answerWith(ok)
	hosttest.Must(t, h.Close())
	c.pass(time.Hour)
	h = openHost(t, h.Data, c, nil)
	say(t, h, other, "o1", 1)
	waitStatus(t, h, other, "o1", engine.DeliveryDelivered)
	act(t, s, "r2", engine.DeliveryPaused, h.PauseReply) // which has it noted, and whatever is tried, tried
	act(t, s, "r2", engine.DeliveryPending, h.ResumeReply)
	if got := r.ids(s.ID); !slices.Equal(got, []string{"r1"}) {
		t.Errorf("sent %q while r1 was paused", got)
	}
	l, err := h.UnsettledReplies(t.Context(), engine.Page{Limit: 10}, engine.UnsettledRepliesFilter{Status: []engine.DeliveryStatus{engine.DeliveryPaused}})
	if err != nil || len(l.Items) != 1 || l.Items[0].ID != "r1" {
		t.Errorf("unsettled and paused: %+v, %v", l.Items, err)
	}
	_, err = h.ResumeReply(t.Context(), s.ID, "r1")
	hosttest.Must(t, err)
	waitStatus(t, h, s, "r2", engine.DeliveryDelivered)
	if got := r.ids(s.ID); !slices.Equal(got, []string{"r1", "r1", "r2"}) {
		t.Errorf("sent %q", got)
	}
	for _, do := range []replyAct{h.PauseReply, h.ResumeReply, h.CancelReply} {
		refused(t, s, "r1", "it is delivered", do)
	}
}

func TestACancelledReplyIsNotDeliveredAndItsAgentIsTold(t *testing.T) {
	h, c := newHost(t, nil)
	r := newReceiver(t, func(request) int { return 503 })
	push(t, h, r.URL)
	s := session(t, h)
	hosttest.Must(t, os.MkdirAll(h.Folder(s, "outbox", "r1"), 0o770))
	hosttest.Must(t, os.WriteFile(h.Folder(s, "outbox", "r1", "a.txt"), []byte("a"), 0o660))
	say(t, h, s, "r1", 1, "content", `{"text":"see","files":["a.txt"]}`)
	say(t, h, s, "r2", 3)
	hosttest.Wait(t, "the first attempt to have failed", func() bool { return status(t, h, s, "r1").LastError != nil })
	r.answerWith(ok)
	act(t, s, "r1", engine.DeliveryCancelled, h.CancelReply)
	act(t, s, "r1", engine.DeliveryCancelled, h.CancelReply)
	waitStatus(t, h, s, "r2", engine.DeliveryDelivered)
	if d := status(t, h, s, "r1"); d.LastError == nil || *d.LastError != "it was cancelled" || d.SettledAt == nil || d.Attempts != 1 {
		t.Errorf("cancelled, it is %+v", d)
	}
	if rows := h.Rows(t, s, "inbound.db", `SELECT status FROM delivered WHERE message_out_id = 'r1'`); !slices.Equal(rows, []string{"failed"}) {
		t.Errorf("to its container it is %q", rows)
	}
	told := h.Rows(t, s, "inbound.db", `SELECT content FROM messages_in WHERE kind = 'system' AND "trigger" = 0`)
	if len(told) != 1 || !strings.Contains(told[0], `"replyId":"r1"`) || !strings.Contains(told[0], `cancelled`) {
		t.Errorf("its agent was told %q", told)
	}
	l, err := h.UnsettledReplies(t.Context(), engine.Page{Limit: 10}, engine.UnsettledRepliesFilter{})
	if err != nil || len(l.Items) != 0 {
		t.Errorf("unsettled: %+v, %v", l.Items, err)
	}
	refused(t, s, "r1", "it is cancelled", h.PauseReply)
	refused(t, s, "r1", "it is cancelled", h.ResumeReply)
	still, err := h.MarkDelivered(t.Context(), engine.MarkDeliveredInput{SessionID: s.ID, ReplyID: "r1", Failed: true})
	if err != nil || still.Delivery.Status != engine.DeliveryCancelled {
		t.Errorf("marked as failed, it is %+v, %v", still.Delivery, err)
	}
	hosttest.Must(t, h.Close())
	h = openHost(t, h.Data, c, nil)
	if d := status(t, h, s, "r1"); d.Status != engine.DeliveryCancelled {
		t.Errorf("after another start it is %+v", d)
	}
	_, err = h.RetryReply(t.Context(), s.ID, "r1")
	hosttest.Must(t, err)
	waitStatus(t, h, s, "r1", engine.DeliveryDelivered)
	if again := r.last(); again.Reply.ID != "r1" || again.Attempt != 2 || len(again.Files) != 1 {
		t.Errorf("retried, it was sent as %+v", again)
	}
}

// What a crash leaves behind that fell after the reply was cancelled in its
// folder, and before anybody was told.
func TestTheRestOfACancellationIsDoneAfterACrash(t *testing.T) {
	h, c := newHost(t, nil)
	s := session(t, h)
	say(t, h, s, "r1", 1)
	act(t, s, "r1", engine.DeliveryPaused, h.PauseReply)
	hosttest.Must(t, h.Close())
	h.Exec(t, s, "inbound.db", `UPDATE engine_outbox SET state = 'cancelled', settled = 1, last_error = 'it was cancelled';
		INSERT INTO delivered (message_out_id, status, delivered_at) VALUES ('r1', 'failed', '2026-01-31T12:00:00.000Z')`)
	h = openHost(t, h.Data, c, nil)
	hosttest.Wait(t, "the rest to be done", func() bool {
		l, err := h.UnsettledReplies(t.Context(), engine.Page{Limit: 10}, engine.UnsettledRepliesFilter{})
		hosttest.Must(t, err)
		told := h.Rows(t, s, "inbound.db", `SELECT content FROM messages_in WHERE kind = 'system'`)
		return len(l.Items) == 0 && len(told) == 1 && strings.Contains(told[0], "it was cancelled")
	})
}

func TestAnAttemptUnderWayIsTheLastOfAReplyThatIsPaused(t *testing.T) {
	h, c := newHost(t, nil)
	entered, answer := make(chan string), make(chan int)
	r := newReceiver(t, ok)
	r.Config.Handler = asked(entered, answer)
	push(t, h, r.URL)
	s := session(t, h)
	say(t, h, s, "r1", 1)
	say(t, h, s, "r2", 3)
	<-entered
	refused(t, s, "r1", "pause it", h.CancelReply)
	act(t, s, "r1", engine.DeliveryPaused, h.PauseReply)
	act(t, s, "r1", engine.DeliveryPending, h.ResumeReply)
	act(t, s, "r1", engine.DeliveryPaused, h.PauseReply)
	refused(t, s, "r1", "pause it", h.CancelReply)
	answer <- 503
	hosttest.Wait(t, "the attempt to be over", func() bool { return status(t, h, s, "r1").LastError != nil })
	c.pass(time.Hour)
	act(t, s, "r2", engine.DeliveryPaused, h.PauseReply)
	act(t, s, "r1", engine.DeliveryPending, h.ResumeReply)
	if id := <-entered; id != "r1" {
		t.Errorf("%s is sent after r1 was resumed", id)
	}
	act(t, s, "r1", engine.DeliveryPaused, h.PauseReply)
	answer <- 200
	waitStatus(t, h, s, "r1", engine.DeliveryDelivered)
	act(t, s, "r2", engine.DeliveryCancelled, h.CancelReply)
}

func TestNobodyIsGivenAPausedReplyAndAClaimedOneIsItsClaimers(t *testing.T) {
	h, c := newHost(t, nil)
	s := session(t, h)
	for i, id := range []string{"r1", "r2", "r3"} {
		say(t, h, s, id, 2*i+1)
	}
	act(t, s, "r2", engine.DeliveryPaused, h.PauseReply)
	if got := claimed(t, h, s); !slices.Equal(got, []string{"r1"}) {
		t.Fatalf("claimed %q", got)
	}
	until := c.now().Add(time.Minute).UTC().Format(time.RFC3339)
	refused(t, s, "r1", until, h.PauseReply)
	refused(t, s, "r1", until, h.CancelReply)
	c.pass(2 * time.Minute)
	if d := status(t, h, s, "r1"); d.Status != engine.DeliveryUnknown {
		t.Errorf("its lease over, it is %+v", d)
	}
	refused(t, s, "r1", "markDelivered", h.CancelReply)
	act(t, s, "r1", engine.DeliveryPaused, h.PauseReply)
	if got := claimed(t, h, s); len(got) > 0 {
		t.Errorf("claimed %q behind a paused one", got)
	}
	act(t, s, "r1", engine.DeliveryCancelled, h.CancelReply)
	if d := status(t, h, s, "r1"); d.LastError == nil || !strings.Contains(*d.LastError, "may have arrived") {
		t.Errorf("cancelled, it is %+v", d)
	}
	act(t, s, "r2", engine.DeliveryPending, h.ResumeReply)
	if got := claimed(t, h, s); !slices.Equal(got, []string{"r2", "r3"}) {
		t.Errorf("claimed %q", got)
	}
	done, err := h.MarkDelivered(t.Context(), engine.MarkDeliveredInput{SessionID: s.ID, ReplyID: "r1"})
	if err != nil || done.Delivery.Status != engine.DeliveryDelivered {
		t.Errorf("it arrived after all, and is %+v, %v", done.Delivery, err)
	}
}

func TestAPausedReplyWhoseTimeIsToComeHoldsUpNobodyUntilThen(t *testing.T) {
	h, c := newHost(t, nil)
	s := session(t, h)
	say(t, h, s, "later", 1, "deliver_after", c.now().Add(time.Hour).UTC().Format(time.RFC3339))
	say(t, h, s, "r2", 3)
	act(t, s, "later", engine.DeliveryPaused, h.PauseReply)
	var got []string
	hosttest.Wait(t, "a reply that was noted", func() bool {
		got = claimed(t, h, s)
		return len(got) > 0
	})
	if !slices.Equal(got, []string{"r2"}) {
		t.Errorf("claimed %q", got)
	}
	say(t, h, s, "r3", 5)
	act(t, s, "r3", engine.DeliveryPaused, h.PauseReply)
	act(t, s, "r3", engine.DeliveryPending, h.ResumeReply)
	c.pass(2 * time.Hour)
	_, err := h.MarkDelivered(t.Context(), engine.MarkDeliveredInput{SessionID: s.ID, ReplyID: "r2"})
	hosttest.Must(t, err)
	if got := claimed(t, h, s); len(got) > 0 {
		t.Errorf("claimed %q though the time of the paused one has come", got)
	}
	act(t, s, "later", engine.DeliveryPending, h.ResumeReply)
	if got := claimed(t, h, s); !slices.Equal(got, []string{"later", "r3"}) {
		t.Errorf("claimed %q", got)
	}
}

func TestWhatStaysInTheEngineIsPausedAndCancelledToo(t *testing.T) {
	h, _ := newHost(t, nil)
	s := session(t, h)
	// Its time is to come, so that it is paused before it is carried out.
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, deliver_after, content) VALUES
		('a1', 1, '2026-01-31T12:00:00Z', 'system', '2999-01-01T00:00:00Z', '{"action":"schedule_task","taskId":"one","prompt":"p"}'),
		('a2', 3, '2026-01-31T12:00:00Z', 'system', '2999-01-01T00:00:00Z', '{"action":"schedule_task","taskId":"two","prompt":"p"}')`)
	act(t, s, "a1", engine.DeliveryPaused, h.PauseReply)
	act(t, s, "a2", engine.DeliveryCancelled, h.CancelReply)
	_, err := h.RetryReply(t.Context(), s.ID, "a1")
	hosttest.Must(t, err)
	waitStatus(t, h, s, "a1", engine.DeliveryDelivered)
	refused(t, s, "a1", "it is delivered", h.CancelReply)
	for id, want := range map[string]engine.Code{"one": "", "two": engine.CodeNotFound} {
		if _, err := h.Message(t.Context(), s.ID, id); engine.CodeOf(err) != want {
			t.Errorf("task %s: %v", id, err)
		}
	}
}
