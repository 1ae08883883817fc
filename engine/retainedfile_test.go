package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

func TestFilesThatWereDealtWithAreRemovedAndNoOthers(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{PruneFiles: 7 * day})
	s := h.Session(t)
	done := func(id string) {
		h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('`+id+`', 'completed', '`+engine.FormatTime(clock.now())+`')`)
		hosttest.Wait(t, "the acknowledgement", func() bool {
			m, err := h.Message(t.Context(), s.ID, id)
			hosttest.Must(t, err)
			return m.Status == engine.MessageCompleted
		})
		stop(t, h, s)
	}
	for _, id := range []string{"old", "retried", "waits", "failed"} {
		h.MustWrite(t, s, id, hosttest.Attach(hosttest.File("a.txt", "hello")))
	}
	done("old")
	done("retried")
	_, err := h.RetryMessage(t.Context(), s.ID, "retried")
	hosttest.Must(t, err)
	h.Exec(t, s, "inbound.db", `UPDATE messages_in SET status = 'failed' WHERE id = 'failed'`)
	h.Exec(t, s, "inbound.db", `INSERT INTO delivered VALUES ('gone', NULL, 'delivered', '`+engine.FormatTime(clock.now())+`'), ('lost', NULL, 'failed', '`+engine.FormatTime(clock.now())+`')`)
	outside := filepath.Join(h.Data, "outside")
	hosttest.Must(t, os.MkdirAll(outside, 0o700))
	hosttest.Must(t, os.WriteFile(filepath.Join(outside, "precious"), nil, 0o600))
	for _, id := range []string{"gone", "lost", "unsent"} {
		hosttest.Must(t, os.MkdirAll(h.Folder(s, "outbox", id), 0o700))
		hosttest.Must(t, os.WriteFile(h.Folder(s, "outbox", id, "f"), []byte("12345"), 0o600))
	}
	hosttest.Must(t, os.Symlink(outside, h.Folder(s, "outbox", "gone", "link")))
	clock.move(6 * day)
	h.MustWrite(t, s, "young", hosttest.Attach(hosttest.File("a.txt", "hello")))
	done("young")
	if steps, _ := retain(t, h, 100); len(steps) > 0 {
		t.Errorf("too early: %q", steps)
	}
	clock.move(2 * day)
	steps, report := retain(t, h, 100)
	if len(steps) != 1 || report.Steps[0].Files != 2 || report.Steps[0].Bytes != 10 {
		t.Fatalf("%q: %+v", steps, report)
	}
	for path, want := range map[string]bool{"inbox/old": false, "inbox/retried": true, "inbox/waits": true, "inbox/failed": true, "inbox/young": true,
		"outbox/gone": false, "outbox/lost": true, "outbox/unsent": true} {
		if _, err := os.Stat(h.Folder(s, filepath.FromSlash(path))); (err == nil) != want {
			t.Errorf("%s is there: %v", path, err == nil)
		}
	}
	if _, err := os.Stat(filepath.Join(outside, "precious")); err != nil {
		t.Error("a link was followed:", err)
	}
	if steps, _ := retain(t, h, 100); len(steps) > 0 {
		t.Errorf("again: %q", steps)
	}
	clock.move(7 * day)
	if steps, _ := retain(t, h, 100); len(steps) != 1 {
		t.Errorf("what was young is kept: %q", steps)
	}
}

// A sender may write any path: what is removed is only what the engine made.
func TestPathsThatASenderMadeUpHaveNothingRemoved(t *testing.T) {
	h, clock := newKeeper(t, engine.RetentionPolicy{PruneFiles: 7 * day})
	s := h.Session(t)
	h.MustWrite(t, s, "waits", hosttest.Attach(hosttest.File("a.txt", "hello")))
	for id, path := range map[string]string{"up": "inbox/../x", "here": "inbox/./x", "other": "inbox/waits/x"} {
		h.MustWrite(t, s, id, map[string]any{"attachments": []any{map[string]any{"localPath": path}}})
		h.Exec(t, s, "inbound.db", `UPDATE messages_in SET status = 'completed' WHERE id = '`+id+`'`)
	}
	clock.move(8 * day)
	if steps, _ := retain(t, h, 100); len(steps) > 0 {
		t.Errorf("%q", steps)
	}
	for _, path := range []string{"inbound.db", "outbound.db", "inbox/waits/a.txt"} {
		if _, err := os.Stat(h.Folder(s, filepath.FromSlash(path))); err != nil {
			t.Error(err)
		}
	}
}

// More than one run removes, and what is long gone, delay nothing for ever.
func TestFilesOfManyMessagesAreRemovedInTurns(t *testing.T) {
	const many = 1001
	h, clock := newKeeper(t, engine.RetentionPolicy{PruneFiles: 7 * day})
	s := h.Session(t)
	h.Exec(t, s, "inbound.db", fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO messages_in (id, seq, kind, timestamp, status, content)
		SELECT 'm' || i, 2 * i, 'chat', '2020-01-01T00:00:00Z', 'completed', '{"attachments":[{"localPath":"inbox/m' || i || '/f"}]}' FROM n`, many))
	for i := range many {
		hosttest.Must(t, os.MkdirAll(h.Folder(s, "inbox", fmt.Sprint("m", i+1)), 0o700))
		hosttest.Must(t, os.WriteFile(h.Folder(s, "inbox", fmt.Sprint("m", i+1), "f"), []byte("x"), 0o600))
	}
	clock.move(8 * day)
	for want := true; want; {
		steps, report := retain(t, h, 100)
		if want = report.More; want && len(steps) == 0 {
			t.Fatal("there is more, of which nothing is removed")
		}
	}
	if left, err := os.ReadDir(h.Folder(s, "inbox")); err != nil || len(left) > 0 {
		t.Errorf("%d are left: %v", len(left), err)
	}
}
