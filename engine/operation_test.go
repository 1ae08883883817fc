package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/index"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// searched is a host with an index of mail.
func searched(t *testing.T, data string) *hosttest.Host {
	t.Helper()
	x, err := index.Open(t.Context(), filepath.Join(data, "index.db"), slog.New(slog.DiscardHandler))
	hosttest.Must(t, err)
	h := hosttest.OpenWith(t, data, sessions.Options{}, engine.NewEventQueue(), func(c *engine.Config) { c.Index = x })
	end := h.Close
	h.Close = func() error { return errors.Join(end(), x.Close()) }
	return h
}

// newSearched is one with an agent group.
func newSearched(t *testing.T) *hosttest.Host {
	t.Helper()
	h := searched(t, t.TempDir())
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	return h
}

// cancelled writes messages to a session and calls them off.
func cancelled(t *testing.T, h *hosttest.Host, s engine.Session, ids ...string) {
	t.Helper()
	for _, id := range ids {
		h.MustWrite(t, s, id, "the text of "+id)
		_, err := h.CancelMessage(t.Context(), s.ID, id)
		hosttest.Must(t, err)
	}
}

var cancelledOnes = engine.SearchFilter{MessageStatus: []engine.MessageStatus{engine.MessageCancelled}}

// awaitCount waits until the index has what an action is to act on.
func awaitCount(t *testing.T, h *hosttest.Host, a engine.OperationAction, f engine.SearchFilter, want int) (p engine.OperationPreview) {
	t.Helper()
	hosttest.Wait(t, fmt.Sprintf("%d can be acted on", want), func() bool {
		var err error
		p, err = h.PreviewOperation(t.Context(), a, f)
		hosttest.Must(t, err)
		return p.Count == want && p.Index.Behind == 0
	})
	return p
}

func awaitEnd(t *testing.T, h *hosttest.Host, id string) (op engine.Operation) {
	t.Helper()
	hosttest.Wait(t, "the operation has ended", func() bool {
		var err error
		op, err = h.Operation(t.Context(), id)
		hosttest.Must(t, err)
		return op.Status != engine.OperationRunning
	})
	return op
}

func items(t *testing.T, h *hosttest.Host, id string, outcome engine.OperationOutcome) (all []engine.OperationItem) {
	t.Helper()
	for p := (engine.Page{Limit: engine.MaxPage}); ; {
		l, err := h.OperationItems(t.Context(), id, p, outcome)
		hosttest.Must(t, err)
		all = append(all, l.Items...)
		if !l.HasNext {
			return all
		}
		p.Cursor = l.Cursors[len(l.Cursors)-1]
	}
}

// texts are the contents of a session's messages that wait, in order.
func waitingTexts(t *testing.T, h *hosttest.Host, s engine.Session) (texts []string) {
	t.Helper()
	for p := (engine.Page{Limit: engine.MaxPage}); ; {
		l, err := h.Messages(t.Context(), s, p, []engine.MessageStatus{engine.MessagePending})
		hosttest.Must(t, err)
		for _, m := range l.Items {
			texts = append(texts, m.Content)
		}
		if !l.HasNext {
			return texts
		}
		p.Cursor = l.Cursors[len(l.Cursors)-1]
	}
}

func TestAnOperationActsOnEachOnceInTheOrderOfItsSession(t *testing.T) {
	h := newSearched(t)
	one, two := h.Session(t), h.Session(t)
	cancelled(t, h, one, "a", "b", "c")
	cancelled(t, h, two, "d", "e")
	h.MustWrite(t, two, "waits", "not cancelled")
	p := awaitCount(t, h, engine.OperationRetry, cancelledOnes, 5)
	if p.Messages != 5 || p.Replies != 0 || p.Sessions != 2 || p.More {
		t.Errorf("preview: %+v", p)
	}
	in := engine.StartOperationInput{Action: engine.OperationRetry, Filter: cancelledOnes, Reason: "the bridge\nwas down", ExpectedCount: 4}
	if _, err := h.StartOperation(t.Context(), in); engine.CodeOf(err) != engine.CodeConflict {
		t.Fatalf("another count than expected: %v", err)
	}
	in.ExpectedCount = 5
	op, err := h.StartOperation(t.Context(), in)
	hosttest.Must(t, err)
	if op = awaitEnd(t, h, op.ID); op.Status != engine.OperationCompleted || op.Total != 5 || op.Done != 5 || op.Refused != 0 || op.EndedAt == nil {
		t.Fatalf("it ended as %+v", op)
	}
	if got := waitingTexts(t, h, one); !slices.Equal(got, []string{"the text of a", "the text of b", "the text of c"}) {
		t.Errorf("retried as %q", got)
	}
	if got := waitingTexts(t, h, two); !slices.Equal(got, []string{"not cancelled", "the text of d", "the text of e"}) {
		t.Errorf("retried as %q", got)
	}
	for _, item := range items(t, h, op.ID, engine.OutcomeDone) {
		s, err := h.Engine.Session(t.Context(), item.SessionID)
		hosttest.Must(t, err)
		marks, err := h.OperationMarks(t.Context(), s, engine.DirectionIn, item.ID)
		hosttest.Must(t, err)
		if len(marks) != 1 || marks[0].OperationID != op.ID || marks[0].Reason != "the bridge\nwas down" || marks[0].RetriedAs == nil || *marks[0].RetriedAs != *item.RetriedAs {
			t.Fatalf("%s is marked by %+v", item.ID, marks)
		}
		marks, err = h.OperationMarks(t.Context(), s, engine.DirectionIn, *item.RetriedAs)
		hosttest.Must(t, err)
		if len(marks) != 1 || marks[0].RetryOf == nil || *marks[0].RetryOf != item.ID {
			t.Fatalf("the retry of %s is marked by %+v", item.ID, marks)
		}
	}
}

func TestWhatAnOperationCannotDoIsRefusedWithItsReason(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	cancelled(t, h, s, "a", "b")
	awaitCount(t, h, engine.OperationRetry, cancelledOnes, 2)
	_, err := h.RetryMessage(t.Context(), s.ID, "a") // it stays cancelled
	hosttest.Must(t, err)
	awaitCount(t, h, engine.OperationRetry, cancelledOnes, 1)
	again := cancelledOnes
	again.Retried = hosttest.Ptr(true)
	awaitCount(t, h, engine.OperationRetry, again, 1)
	op, err := h.StartOperation(t.Context(), engine.StartOperationInput{Action: engine.OperationRetry, Filter: again, Reason: "again", ExpectedCount: 1})
	hosttest.Must(t, err)
	if op = awaitEnd(t, h, op.ID); op.Done != 0 || op.Refused != 1 {
		t.Fatalf("it ended as %+v", op)
	}
	refused := items(t, h, op.ID, engine.OutcomeRefused)
	if len(refused) != 1 || refused[0].ID != "a" || refused[0].Problem == nil || !strings.Contains(*refused[0].Problem, "retried already") {
		t.Errorf("refused: %+v", refused)
	}
}

func TestAnOperationIsForWhatItsActionSuits(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	h.MustWrite(t, s, "waits", "now")
	h.MustWrite(t, s, "held", "later")
	_, err := h.PauseMessage(t.Context(), s.ID, "held")
	hosttest.Must(t, err)
	cancelled(t, h, s, "off")
	run := func(a engine.OperationAction, f engine.SearchFilter, count int) {
		t.Helper()
		awaitCount(t, h, a, f, count)
		op, err := h.StartOperation(t.Context(), engine.StartOperationInput{Action: a, Filter: f, Reason: "why not", ExpectedCount: count})
		hosttest.Must(t, err)
		if op = awaitEnd(t, h, op.ID); op.Done != count {
			t.Fatalf("%s ended as %+v", a, op)
		}
	}
	status := func(id string, want engine.MessageStatus) {
		t.Helper()
		m, err := h.Message(t.Context(), s.ID, id)
		hosttest.Must(t, err)
		if m.Status != want {
			t.Errorf("%s is %s, not %s", id, m.Status, want)
		}
	}
	of := engine.SearchFilter{SessionID: s.ID}
	run(engine.OperationResume, of, 1)
	status("held", engine.MessagePending)
	run(engine.OperationPause, of, 2)
	status("waits", engine.MessagePaused)
	run(engine.OperationCancel, of, 2)
	status("waits", engine.MessageCancelled)
	awaitCount(t, h, engine.OperationRetry, of, 0) // somebody wanted it so
	of.MessageStatus = []engine.MessageStatus{engine.MessageCancelled}
	run(engine.OperationRetry, of, 3)
	if p := awaitCount(t, h, engine.OperationRetry, engine.SearchFilter{DeliveryStatus: []engine.DeliveryStatus{engine.DeliveryDelivered}}, 0); p.More {
		t.Errorf("what was delivered can be retried: %+v", p)
	}
}

func TestAnOperationIsForRepliesToo(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerRunning) // so that it is watched
	hosttest.Must(t, err)
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES
		('a', 1, '2026-01-01T00:00:00.000Z', 'chat', '{"text":"hello"}'), ('b', 3, '2026-01-01T00:00:00.000Z', 'chat', '{"text":"hello"}')`)
	of := engine.SearchFilter{SessionID: s.ID, Direction: engine.DirectionOut}
	for _, c := range []struct {
		action engine.OperationAction
		want   engine.DeliveryStatus
	}{
		{engine.OperationPause, engine.DeliveryPaused}, {engine.OperationResume, engine.DeliveryPending},
		{engine.OperationCancel, engine.DeliveryCancelled}, {engine.OperationRetry, engine.DeliveryPending},
	} {
		if c.action == engine.OperationRetry {
			of.DeliveryStatus = []engine.DeliveryStatus{engine.DeliveryCancelled}
		}
		awaitCount(t, h, c.action, of, 2)
		op, err := h.StartOperation(t.Context(), engine.StartOperationInput{Action: c.action, Filter: of, Reason: "why not", ExpectedCount: 2})
		hosttest.Must(t, err)
		if op = awaitEnd(t, h, op.ID); op.Done != 2 {
			t.Fatalf("%s ended as %+v", c.action, op)
		}
		for _, id := range []string{"a", "b"} {
			r, err := h.Reply(t.Context(), s.ID, id)
			hosttest.Must(t, err)
			if r.Delivery.Status != c.want {
				t.Errorf("after %s, %s is %s", c.action, id, r.Delivery.Status)
			}
		}
	}
	marks, err := h.OperationMarks(t.Context(), s, engine.DirectionOut, "b")
	hosttest.Must(t, err)
	if len(marks) != 4 || marks[0].Action != engine.OperationPause || marks[3].Action != engine.OperationRetry {
		t.Errorf("marks: %+v", marks)
	}
}

func TestAnOperationStartedTwiceIsOne(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	cancelled(t, h, s, "a")
	awaitCount(t, h, engine.OperationRetry, cancelledOnes, 1)
	in := engine.StartOperationInput{ID: hosttest.Ptr("mine"), Action: engine.OperationRetry, Filter: cancelledOnes, Reason: "once", ExpectedCount: 1}
	for range 2 {
		op, err := h.StartOperation(t.Context(), in)
		hosttest.Must(t, err)
		awaitEnd(t, h, op.ID)
	}
	if got := waitingTexts(t, h, s); len(got) != 1 {
		t.Errorf("retried as %q", got)
	}
	l, err := h.Operations(t.Context(), engine.Page{Limit: 10})
	hosttest.Must(t, err)
	if len(l.Items) != 1 {
		t.Errorf("operations: %+v", l.Items)
	}
	for field, change := range map[string]func(*engine.StartOperationInput){
		"id":            func(in *engine.StartOperationInput) { in.Reason = "another" },
		"reason":        func(in *engine.StartOperationInput) { in.ID, in.Reason = nil, " \n" },
		"filter":        func(in *engine.StartOperationInput) { in.ID, in.Filter.Text, in.ExpectedCount = nil, "nowhere", 0 },
		"expectedCount": func(in *engine.StartOperationInput) { in.ID, in.ExpectedCount = nil, 7 },
	} {
		other := in
		change(&other)
		_, err := h.StartOperation(t.Context(), other)
		if e, ok := err.(*engine.Error); !ok || len(e.Field) == 0 || e.Field[0] != field {
			t.Errorf("another %s: %v", field, err)
		}
	}
}

func TestAnOperationThatIsCalledOffLeavesTheRest(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	const n = 300
	in := make([]engine.WriteMessageInput, 0, n)
	for i := range n {
		in = append(in, engine.WriteMessageInput{SessionID: s.ID, MessageID: hosttest.Ptr(fmt.Sprint("m", i)), Content: "text", Trigger: true})
	}
	for some := range slices.Chunk(in, 100) {
		_, err := h.WriteMessages(t.Context(), some)
		hosttest.Must(t, err)
	}
	of := engine.SearchFilter{SessionID: s.ID}
	awaitCount(t, h, engine.OperationCancel, of, n)
	op, err := h.StartOperation(t.Context(), engine.StartOperationInput{Action: engine.OperationCancel, Filter: of, Reason: "why", ExpectedCount: n})
	hosttest.Must(t, err)
	_, err = h.CancelOperation(t.Context(), op.ID)
	hosttest.Must(t, err)
	hosttest.Must(t, h.Close()) // what was begun is done then
	h = searched(t, h.Data)
	op, err = h.Operation(t.Context(), op.ID)
	hosttest.Must(t, err)
	if op.Status != engine.OperationCancelled || op.EndedAt == nil || op.Done == n || op.Refused > 0 {
		t.Errorf("it ended as %+v", op)
	}
	if left := len(waitingTexts(t, h, s)); left != n-op.Done {
		t.Errorf("%d are done, and %d wait of %d", op.Done, left, n)
	}
	if again, err := h.CancelOperation(t.Context(), op.ID); err != nil || *again.EndedAt != *op.EndedAt {
		t.Errorf("called off once more: %+v, %v", again, err)
	}
	if _, err := h.CancelOperation(t.Context(), "nobody's"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("one that is not there: %v", err)
	}
}

// The engine may die behind what it did, before it stored that it did it.
func TestWhatAnOperationDidBeforeACrashIsNotDoneAgain(t *testing.T) {
	h := newSearched(t)
	s := h.Session(t)
	cancelled(t, h, s, "a", "b")
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content, channel_type, platform_id)
		VALUES ('r', 1, '2026-01-01T00:00:00.000Z', 'chat', '{"text":"hello"}', 'nowhere', 'x')`)
	failed := engine.SearchFilter{DeliveryStatus: []engine.DeliveryStatus{engine.DeliveryFailed}}
	awaitCount(t, h, engine.OperationRetry, failed, 1)
	both := engine.SearchFilter{SessionID: s.ID, MessageStatus: cancelledOnes.MessageStatus, DeliveryStatus: failed.DeliveryStatus}
	awaitCount(t, h, engine.OperationRetry, both, 3)
	op, err := h.StartOperation(t.Context(), engine.StartOperationInput{Action: engine.OperationRetry, Filter: both, Reason: "why", ExpectedCount: 3})
	hosttest.Must(t, err)
	if op = awaitEnd(t, h, op.ID); op.Done != 3 {
		t.Fatalf("it ended as %+v", op)
	}
	before := items(t, h, op.ID, engine.OutcomeDone)
	attempts := func() int {
		t.Helper()
		n := 0
		hosttest.Wait(t, "the reply has failed once more", func() bool {
			r, err := h.Reply(context.WithoutCancel(t.Context()), s.ID, "r")
			hosttest.Must(t, err)
			n = r.Delivery.Attempts
			return r.Delivery.Status == engine.DeliveryFailed
		})
		return n
	}
	tried := attempts()
	hosttest.Must(t, h.Close())
	c, err := sqlite3.Open(filepath.Join(h.Data, "engine.db"))
	hosttest.Must(t, err)
	hosttest.Must(t, c.Exec(`UPDATE operation_items SET outcome = 'PENDING', retried_as = NULL; UPDATE operations SET status = 'RUNNING', done = 0, ended_at = NULL`))
	hosttest.Must(t, c.Close())

	h = searched(t, h.Data)
	if op = awaitEnd(t, h, op.ID); op.Status != engine.OperationCompleted || op.Done != 3 {
		t.Fatalf("it ended as %+v", op)
	}
	after := items(t, h, op.ID, engine.OutcomeDone)
	for i := range before {
		if a, b := before[i].RetriedAs, after[i].RetriedAs; (a == nil) != (b == nil) || a != nil && *a != *b {
			t.Errorf("%s was retried as %v, then as %v", before[i].ID, a, b)
		}
	}
	// What the agent is told of its reply waits besides.
	if got := slices.DeleteFunc(waitingTexts(t, h, s), func(text string) bool { return strings.HasPrefix(text, "{") }); len(got) != 2 {
		t.Errorf("retried as %q", got)
	}
	if now := attempts(); now != tried {
		t.Errorf("the reply was tried %d times, not %d", now, tried)
	}
}

// crowded is an index in which any filter selects more than may be.
type crowded struct{ *index.Index }

func (crowded) Select(_ context.Context, _ engine.SearchFilter, most int) ([]engine.MailRef, error) {
	return make([]engine.MailRef, most), nil
}

func TestAnOperationHasALimit(t *testing.T) {
	data := t.TempDir()
	x, err := index.Open(t.Context(), filepath.Join(data, "index.db"), nil)
	hosttest.Must(t, err)
	t.Cleanup(func() { hosttest.Must(t, x.Close()) })
	h := hosttest.OpenWith(t, data, sessions.Options{}, engine.NewEventQueue(), func(c *engine.Config) { c.Index = crowded{x} })
	p, err := h.PreviewOperation(t.Context(), engine.OperationRetry, engine.SearchFilter{})
	if err != nil || p.Count != 10_000 || !p.More {
		t.Errorf("preview: %+v, %v", p, err)
	}
	_, err = h.StartOperation(t.Context(), engine.StartOperationInput{Action: engine.OperationRetry, Reason: "all", ExpectedCount: p.Count})
	hosttest.WantCode(t, err, engine.CodeLimitExceeded)
	hosttest.Must(t, h.Close())
	h = hosttest.OpenWith(t, data, sessions.Options{}, engine.NewEventQueue())
	_, err = h.PreviewOperation(t.Context(), engine.OperationRetry, engine.SearchFilter{})
	hosttest.WantCode(t, err, engine.CodeUnavailable)
}
