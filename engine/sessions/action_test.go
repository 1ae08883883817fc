package sessions_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

type act = func(context.Context, string, string) (engine.Message, error)

func TestWhatCanBeDoneWithAMessage(t *testing.T) {
	for _, c := range []struct {
		status, ack string
		action      string
		want        engine.MessageStatus // "" is a conflict
	}{
		{"pending", "", "pause", engine.MessagePaused},
		{"pending", "", "resume", engine.MessagePending},
		{"pending", "", "cancel", engine.MessageCancelled},
		{"pending", "", "retry", ""},
		{"paused", "", "pause", engine.MessagePaused},
		{"paused", "", "resume", engine.MessagePending},
		{"paused", "", "cancel", engine.MessageCancelled},
		{"paused", "", "retry", ""},
		{"pending", "processing", "pause", ""},
		{"pending", "processing", "cancel", ""},
		{"pending", "processing", "retry", ""},
		{"pending", "completed", "pause", ""},
		{"pending", "failed", "cancel", ""},
		{"pending", "failed", "retry", engine.MessagePending},
		{"completed", "completed", "pause", ""},
		{"completed", "completed", "resume", ""},
		{"completed", "completed", "cancel", ""},
		{"completed", "completed", "retry", engine.MessagePending},
		{"failed", "", "retry", engine.MessagePending},
		{"cancelled", "", "cancel", engine.MessageCancelled},
		{"cancelled", "", "resume", ""},
		{"cancelled", "", "retry", engine.MessagePending},
		{"odd", "", "pause", ""},
	} {
		t.Run(c.action+" "+c.status+" "+c.ack, func(t *testing.T) {
			h, s, clock := newLife(t, "2026-02-21T08:00:00Z")
			h.MustWrite(t, s, "m", "hello")
			h.Exec(t, s, "inbound.db", `UPDATE messages_in SET status = '`+c.status+`'`)
			if c.ack != "" {
				ack(t, h, s, "m", c.ack, clock.now())
			}
			do := map[string]act{"pause": h.PauseMessage, "resume": h.ResumeMessage, "cancel": h.CancelMessage, "retry": h.RetryMessage}[c.action]
			m, err := do(t.Context(), s.ID, "m")
			if c.want == "" {
				hosttest.WantCode(t, err, engine.CodeConflict)
				if !strings.Contains(err.Error(), "m") {
					t.Errorf("the reason: %v", err)
				}
				return
			}
			must(t, err)
			if m.Status != c.want || (m.ID != "m") != (c.action == "retry") {
				t.Errorf("%s is %s", m.ID, m.Status)
			}
			stored, err := h.Message(t.Context(), s.ID, m.ID)
			must(t, err)
			if stored.Status != c.want {
				t.Errorf("stored as %s", stored.Status)
			}
		})
	}
}

func TestAMessageThatIsNotThereCannotBeActedOn(t *testing.T) {
	h, s, _ := newLife(t, "2026-02-21T08:00:00Z")
	_, err := h.PauseMessage(t.Context(), s.ID, "nobody")
	hosttest.WantCode(t, err, engine.CodeNotFound)
	_, err = h.PauseMessage(t.Context(), "sess-nobody", "m")
	hosttest.WantCode(t, err, engine.CodeNotFound)
}

func TestARetryIsANewMessageOfTheSeriesWithTheSameFiles(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	old := h.MustWrite(t, s, "m", hosttest.Attach(hosttest.File("a.txt", "hello")))
	ack(t, h, s, "m", "failed", c.now())
	m, err := h.RetryMessage(t.Context(), s.ID, "m")
	must(t, err)
	if m.ID == "m" || *m.SeriesID != "m" || *m.Seq != *old.Seq+2 || m.Content != old.Content || m.Tries != 0 || m.ProcessAfter != nil || m.Recurrence != nil {
		t.Errorf("%+v", m)
	}
	files, err := h.MessageAttachments(t.Context(), s, m)
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("files: %v", files)
	}
	data, err := os.ReadFile(h.Folder(s, filepath.FromSlash(files[0].Path)))
	must(t, err)
	if string(data) != "hello" {
		t.Errorf("the file has %q", data)
	}
	// Somebody who did not hear of it asks again.
	_, err = h.RetryMessage(t.Context(), s.ID, "m")
	hosttest.WantCode(t, err, engine.CodeConflict)
	ack(t, h, s, m.ID, "failed", c.now())
	again, err := h.RetryMessage(t.Context(), s.ID, "m")
	must(t, err)
	if again.ID == m.ID {
		t.Error("the second retry is the first")
	}
}

func TestWhatIsDoneToAnyMessageOfASeriesIsDoneToTheSeries(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	series(t, h, s, "0 9 * * *", "Europe/Berlin", engine.MissedOnce)
	ack(t, h, s, "first", "completed", c.now())
	settle(t, h, s)
	next := live(t, h, s)
	for _, step := range []struct {
		do   act
		want engine.MessageStatus
	}{{h.PauseMessage, engine.MessagePaused}, {h.ResumeMessage, engine.MessagePending}, {h.CancelMessage, engine.MessageCancelled}} {
		m, err := step.do(t.Context(), s.ID, "first")
		must(t, err)
		if m.ID != next.ID || m.Status != step.want {
			t.Errorf("%s is %s, want %s to be %s", m.ID, m.Status, next.ID, step.want)
		}
	}
	settle(t, h, s)
	if rows := h.Rows(t, s, "inbound.db", `SELECT status, recurrence FROM messages_in ORDER BY seq`); !slices.Equal(rows, []string{"completed|NULL", "cancelled|NULL"}) {
		t.Errorf("rows: %q", rows)
	}
	// What is over can still be written again.
	m, err := h.RetryMessage(t.Context(), s.ID, "first")
	must(t, err)
	if m.ID == next.ID || m.Recurrence != nil {
		t.Errorf("the retry is %+v", m)
	}
}

// Another host's pruning left later runs of a series alone.
func TestASeriesIsFoundWithoutItsFirstMessage(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	series(t, h, s, "0 9 * * *", "Europe/Berlin", engine.MissedOnce)
	ack(t, h, s, "first", "completed", c.now())
	settle(t, h, s)
	next := live(t, h, s)
	h.Exec(t, s, "inbound.db", `DELETE FROM messages_in WHERE id = 'first'`)
	m, err := h.PauseMessage(t.Context(), s.ID, "first")
	must(t, err)
	if m.ID != next.ID || m.Status != engine.MessagePaused {
		t.Errorf("%+v", m)
	}
}

// An agent finds that its task is done while it works on it, and cancels it.
func TestASeriesThatIsCancelledWhileARunIsWorkedOnEndsWithThatRun(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	series(t, h, s, "0 9 * * *", "Europe/Berlin", engine.MissedOnce)
	ack(t, h, s, "first", "processing", c.now())
	m, err := h.CancelMessage(t.Context(), s.ID, "first")
	must(t, err)
	if m.Status != engine.MessageProcessing || m.Recurrence != nil {
		t.Errorf("%+v", m)
	}
	ack(t, h, s, "first", "completed", c.now())
	settle(t, h, s)
	if rows := h.Rows(t, s, "inbound.db", `SELECT status, recurrence FROM messages_in`); !slices.Equal(rows, []string{"completed|NULL"}) {
		t.Errorf("rows: %q", rows)
	}
}

// A container reads a message, then it is paused, then the container claims it.
func TestAMessageThatIsTakenWhileItIsPausedIsShownAsTaken(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	h.MustWrite(t, s, "m", "hello")
	_, err := h.PauseMessage(t.Context(), s.ID, "m")
	must(t, err)
	ack(t, h, s, "m", "processing", c.now())
	m, err := h.Message(t.Context(), s.ID, "m")
	must(t, err)
	if m.Status != engine.MessageProcessing {
		t.Errorf("it is %s", m.Status)
	}
	_, err = h.ResumeMessage(t.Context(), s.ID, "m")
	hosttest.WantCode(t, err, engine.CodeConflict)
	ack(t, h, s, "m", "completed", c.now())
	settle(t, h, s)
	if rows := h.Rows(t, s, "inbound.db", `SELECT status FROM messages_in`); !slices.Equal(rows, []string{"completed"}) {
		t.Errorf("stored as %q", rows)
	}
}

func TestAPausedSeriesWaits(t *testing.T) {
	h, s, c := newLife(t, "2026-02-21T08:00:00Z")
	series(t, h, s, "0 9 * * *", "", engine.MissedSkip)
	_, err := h.PauseMessage(t.Context(), s.ID, "first")
	must(t, err)
	c.set(t, "2026-02-28T12:00:00Z")
	settle(t, h, s)
	if m := live(t, h, s); m.ID != "first" || m.Status != engine.MessagePaused {
		t.Fatalf("%+v", m)
	}
	_, err = h.ResumeMessage(t.Context(), s.ID, "first")
	must(t, err)
	settle(t, h, s)
	if m := live(t, h, s); engine.FormatTime(*m.ProcessAfter) != "2026-03-01T09:00:00.000Z" {
		t.Errorf("after it was resumed, the next run is at %s", m.ProcessAfter)
	}
}
