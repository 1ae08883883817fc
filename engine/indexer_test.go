package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/index"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// batched is an index that notes in what batches mail comes.
type batched struct {
	engine.MailIndex
	first func() // called before the first batch with mail is indexed

	mu      sync.Mutex // guards what follows
	batches [][]string
}

func (n *batched) Apply(ctx context.Context, b engine.IndexBatch) error {
	var ids []string
	for _, m := range b.Mail {
		ids = append(ids, m.ID)
	}
	if len(ids) > 0 {
		n.mu.Lock()
		begins := len(n.batches) == 0
		n.batches = append(n.batches, ids)
		n.mu.Unlock()
		if begins {
			n.first()
		}
	}
	return n.MailIndex.Apply(ctx, b)
}

// batch is the first batch that an id is in, -1 for none.
func (n *batched) batch(id string) int {
	return slices.IndexFunc(n.batches, func(ids []string) bool { return slices.Contains(ids, id) })
}

// withIndex is a host with an index of mail that is made anew.
func withIndex(t *testing.T, data string, n *batched) (h *hosttest.Host) {
	t.Helper()
	path := filepath.Join(data, "index.db")
	hosttest.Must(t, index.Remove(path))
	x, err := index.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	hosttest.Must(t, err)
	t.Cleanup(func() { hosttest.Must(t, x.Close()) })
	n.MailIndex = x
	return hosttest.OpenWith(t, data, sessions.Options{}, engine.NewEventQueue(), func(c *engine.Config) { c.Index = n })
}

func TestNewsIsIndexedBeforeALongHistory(t *testing.T) {
	const history = 3000
	h := hosttest.Open(t, sessions.Options{})
	long, other := h.Session(t), h.Session(t)
	last := writeHistory(t, h, long, history)
	hosttest.Must(t, h.Close())

	n := &batched{first: func() {
		h.MustWrite(t, other, "elsewhere", "news")
		h.MustWrite(t, long, "in it", "news")
		_, err := h.Events(t.Context(), engine.EventsInput{}) // which are told now
		hosttest.Must(t, err)
	}}
	h = withIndex(t, h.Data, n)
	awaitIndexed(t, h)
	found, err := h.Search(t.Context(), engine.Page{Limit: 10}, engine.SearchFilter{ID: last})
	hosttest.Must(t, err)
	if len(found.Items) != 1 {
		t.Errorf("the history's last message is found %d times", len(found.Items))
	}
	hosttest.Must(t, h.Close())
	end := n.batch(last)
	for _, id := range []string{"elsewhere", "in it"} {
		if at := n.batch(id); at < 0 || at >= end {
			t.Errorf("what was written %s is in batch %d, and the history's last in batch %d", id, at, end)
		}
	}
	for i, ids := range n.batches {
		if len(ids) > history/4 {
			t.Errorf("batch %d has %d messages", i, len(ids))
		}
	}
}

// An index that knows how far it has come goes on from there.
func TestALongHistoryIsIndexedOverRestarts(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	long := h.Session(t)
	last := writeHistory(t, h, long, 2000)
	hosttest.Must(t, h.Close())

	began := make(chan struct{})
	n := &batched{first: func() { close(began) }}
	h = withIndex(t, h.Data, n)
	<-began
	hosttest.Must(t, h.Close())
	if n.batch(last) >= 0 {
		t.Skip("all of it was indexed before the engine could be closed")
	}
	h = searched(t, h.Data)
	defer func() { hosttest.Must(t, h.Close()) }()
	awaitIndexed(t, h)
	found, err := h.Search(t.Context(), engine.Page{Limit: 10}, engine.SearchFilter{ID: last})
	hosttest.Must(t, err)
	if len(found.Items) != 1 {
		t.Errorf("the history's last message is found %d times", len(found.Items))
	}
}

func TestALongSessionThatIsArchivedIsForgottenAndFoundOnceRestored(t *testing.T) {
	const history = 1200
	x, err := index.Open(t.Context(), filepath.Join(t.TempDir(), "index.db"), slog.New(slog.DiscardHandler))
	hosttest.Must(t, err)
	t.Cleanup(func() { hosttest.Must(t, x.Close()) })
	h, clock := newKeeper(t, engine.RetentionPolicy{ArchiveClosed: 7 * day}, func(c *engine.Config) { c.Index = x })
	s := h.Session(t)
	writeHistory(t, h, s, history)
	await := func(want int) {
		t.Helper()
		awaitIndexed(t, h)
		count, _, err := x.Count(t.Context(), engine.SearchFilter{SessionID: s.ID, MessageStatus: []engine.MessageStatus{engine.MessagePending}}, 2*history)
		hosttest.Must(t, err)
		if count != want {
			t.Fatalf("%d messages are indexed, not %d", count, want)
		}
	}
	await(history)
	_, err = h.CloseSession(t.Context(), s.ID)
	hosttest.Must(t, err)
	clock.move(8 * day)
	if steps, _ := retain(t, h, 100); len(steps) != 1 {
		t.Fatal(steps)
	}
	await(0)
	_, err = h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: s.ID})
	hosttest.Must(t, err)
	await(history)
}

// writeHistory writes messages and returns the last one's id.
func writeHistory(t *testing.T, h *hosttest.Host, s engine.Session, n int) (last string) {
	t.Helper()
	for i := 0; i < n; i += 100 {
		in := make([]engine.WriteMessageInput, 100)
		for k := range in {
			last = fmt.Sprint("m", i+k)
			in[k] = engine.WriteMessageInput{SessionID: s.ID, MessageID: new(last), Content: "some text of " + last}
		}
		results, err := h.WriteMessages(t.Context(), in)
		hosttest.Must(t, err)
		for _, r := range results {
			hosttest.Must(t, r.Err)
		}
	}
	return last
}

func awaitIndexed(t *testing.T, h *hosttest.Host) {
	t.Helper()
	hosttest.Wait(t, "the index has all", func() bool {
		found, err := h.Search(t.Context(), engine.Page{Limit: 1}, engine.SearchFilter{})
		hosttest.Must(t, err)
		return found.Index.Behind == 0 && !found.Index.Building
	})
}
