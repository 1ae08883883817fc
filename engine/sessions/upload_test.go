package sessions_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

func mustUpload(t *testing.T, h *hosttest.Host, data string) string {
	t.Helper()
	u, err := h.SaveUpload(t.Context(), strings.NewReader(data))
	must(t, err)
	return u.ID
}

func uploaded(name, id string) map[string]any { return map[string]any{"name": name, "uploadId": id} }

func waiting(t *testing.T, h *hosttest.Host) int {
	t.Helper()
	entries, err := os.ReadDir(h.Data + "/uploads")
	must(t, err)
	return len(entries)
}

func TestAnUploadIsAttachedOnceAndItsMessageReplayed(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	id := mustUpload(t, h, "uploaded")
	first := h.MustWrite(t, s, "m", hosttest.Attach(uploaded("a.txt", id)))
	if strings.Contains(first.Content, id) {
		t.Errorf("the upload's id is stored: %s", first.Content)
	}
	f, err := h.OpenAttachment(t.Context(), s.ID, "inbox/m/a.txt")
	must(t, err)
	data, err := io.ReadAll(f)
	if must(t, f.Close()); err != nil || string(data) != "uploaded" {
		t.Errorf("the attachment is %q, %v", data, err)
	}
	again, outcome, err := h.Write(t, s, "m", hosttest.Attach(uploaded("a.txt", id)))
	if err != nil || outcome != engine.OutcomeReplayed || again.Content != first.Content {
		t.Errorf("the replay is %v, %s, %v", again, outcome, err)
	}
	_, _, err = h.Write(t, s, "another", hosttest.Attach(uploaded("a.txt", id)))
	wantCode(t, err, engine.CodeNotFound)
	if n := waiting(t, h); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

func TestTwoMessagesAtOnceDoNotShareAnUpload(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	for range 20 {
		id := mustUpload(t, h, "uploaded")
		errs := make(chan error)
		for range 2 {
			s := h.Session(t)
			go func() {
				_, _, err := h.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, Content: hosttest.Attach(uploaded("a", id)), Trigger: true})
				errs <- err
			}()
		}
		first, second := <-errs, <-errs
		if (first == nil) == (second == nil) {
			t.Fatalf("both or none have it: %v, %v", first, second)
		}
	}
}

func TestAFailedMessageGivesItsUploadsBack(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	id := mustUpload(t, h, "uploaded")
	for range 3 {
		_, _, err := h.Write(t, s, "m", hosttest.Attach(uploaded("a", id), map[string]any{"data": "@"}))
		wantCode(t, err, engine.CodeInvalidInput)
	}
	h.MustWrite(t, s, "m", hosttest.Attach(uploaded("a", id)))
}

func TestUploadsThatAreTooLargeCutOffOrLateLeaveNothing(t *testing.T) {
	late := time.Now().Add(3 * time.Hour)
	data := t.TempDir()
	h := hosttest.OpenAt(t, data, sessions.Options{Limits: engine.Limits{UploadBytes: 10}})
	_, err := h.SaveUpload(t.Context(), strings.NewReader("more than ten"))
	wantCode(t, err, engine.CodeLimitExceeded)
	_, err = h.SaveUpload(t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("cut off"))))
	wantCode(t, err, engine.CodeUnavailable)
	if n := waiting(t, h); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
	mustUpload(t, h, "ten bytes.")
	must(t, h.Close())
	h = hosttest.OpenAt(t, data, sessions.Options{Now: func() time.Time { return late }})
	hosttest.Wait(t, "the upload's end", func() bool { return waiting(t, h) == 0 })
}
