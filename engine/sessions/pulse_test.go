package sessions_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

// Nobody can tell what has no database left from what was not opened, but for
// the answer.
func TestAMailboxThatIsAsItWasIsNotReadAgain(t *testing.T) {
	h, s, c := newLife(t, "2026-01-31T12:00:00Z")
	due := c.now().Add(time.Hour)
	_, _, err := h.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: hosttest.Ptr("later"), Content: "hello", Trigger: true, ProcessAfter: &due})
	must(t, err)
	ack(t, h, s, "other", "processing", c.now())
	path, old := h.Folder(s, "inbound.db"), time.Now().Add(-time.Hour)
	must(t, os.Chtimes(path, old, old))
	must(t, os.Chtimes(h.Folder(s, "outbound.db"), old, old))
	look := func() engine.Pulse {
		t.Helper()
		p, err := h.Store.Pulse(t.Context(), s)
		must(t, err)
		return p
	}
	check := func(p engine.Pulse) {
		t.Helper()
		if p.Due || !p.Pending || p.Next == nil || !p.Next.Equal(due) || len(p.Claims) != 1 {
			t.Errorf("%+v", p)
		}
	}
	check(look())
	data, err := os.ReadFile(path)
	must(t, err)
	// In place and at once: to the watcher, a file that is empty for a moment is an empty database.
	overwrite := func(data []byte) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteAt(data, 0)
		must(t, errors.Join(err, f.Close()))
	}
	overwrite(make([]byte, len(data)))
	must(t, os.Chtimes(path, old, old))
	check(look())
	must(t, os.WriteFile(h.Folder(s, ".heartbeat"), nil, 0o600))
	if p := look(); p.Heartbeat == nil {
		t.Error("a heartbeat is not seen while the databases are as they were")
	}
	c.add(-time.Minute)
	if _, err := h.Store.Pulse(t.Context(), s); err == nil {
		t.Error("with the clock set back, what was read before it counts")
	}
	c.add(time.Minute + 2*time.Hour)
	if _, err := h.Store.Pulse(t.Context(), s); err == nil {
		t.Error("what was read before a message fell due counts")
	}
	overwrite(data)
	if p := look(); !p.Due {
		t.Errorf("the message is not due: %+v", p)
	}
	ack(t, h, s, "later", "processing", c.now())
	if p := look(); p.Due || len(p.Claims) != 2 {
		t.Errorf("a claim is not seen: %+v", p)
	}
}
