package tests_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// together runs an operation n times at once, all begun before any goes on.
func together(t *testing.T, n int, operation func(i int) error) {
	t.Helper()
	start := make(chan struct{})
	var g errgroup.Group
	for i := range n {
		g.Go(func() error {
			<-start
			return operation(i)
		})
	}
	close(start)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentResolvesOfOneKeyMakeOneSession(t *testing.T) {
	e, data := start(t)
	room, err := chat(e, "room")
	must(t, err)
	ids := make([]string, 200)
	together(t, len(ids), func(i int) (err error) {
		ids[i], _, err = resolve(e, room, "thread")
		return err
	})
	if ids = slices.Compact(ids); len(ids) != 1 {
		t.Errorf("the sessions are %v", ids)
	}
	must(t, e.Stop())
	if f, code := doctor(t, data); code != healthy || len(f) > 0 {
		t.Errorf("folders stay of sessions that were not made: %+v", f)
	}
}

func TestConcurrentWritersOfOneSessionKeepTheOrderThatEachSaw(t *testing.T) {
	s := newSession(t)
	callers := make([]caller, 64)
	together(t, len(callers), func(i int) error {
		callers[i].name = fmt.Sprint("caller", i)
		for n := range 10 {
			m := sent{caller: callers[i].name, id: fmt.Sprintf("%s-%d", callers[i].name, n)}
			var err error
			if m.seq, err = writeTo(s.engine, s.id, m.id, "hello"); err != nil {
				return err
			}
			callers[i].sent = append(callers[i].sent, m)
		}
		return nil
	})
	var all []sent
	for _, c := range callers {
		all = append(all, c.sent...)
	}
	checkKept(t, s.folder, all, nil)
}

// closedFor tells the answer that a session is closed.
func closedFor(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && r.errors[0].Code == "SESSION_CLOSED"
}

func TestNoWriteIsAcknowledgedThatBeganAfterACloseWasAnswered(t *testing.T) {
	s := newSession(t)
	var (
		mu     sync.Mutex // guards closed
		closed bool
	)
	isClosed := func() bool { mu.Lock(); defer mu.Unlock(); return closed }
	progress := make(chan struct{}, 1)
	callers := make([]caller, 16)
	var g errgroup.Group
	for i := range callers {
		g.Go(func() error {
			for n := 0; ; n++ {
				m := sent{caller: fmt.Sprint(i), id: fmt.Sprintf("m%d-%d", i, n)}
				late := isClosed()
				var err error
				m.seq, err = writeTo(s.engine, s.id, m.id, "hello")
				switch {
				case closedFor(err):
					return nil
				case err != nil:
					return err
				case late:
					return fmt.Errorf("%s was acknowledged after the close was", m.id)
				}
				callers[i].sent = append(callers[i].sent, m)
				if n == 3 {
					select {
					case progress <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	<-progress
	must(t, closeSession(s.engine, s.id))
	rows := len(foreign.Rows(t, s.folder, "inbound", "messages_in"))
	mu.Lock()
	closed = true
	mu.Unlock()
	must(t, g.Wait())
	var all []sent
	for i := range callers {
		all = append(all, callers[i].sent...)
	}
	checkKept(t, s.folder, all, nil)
	if now := len(foreign.Rows(t, s.folder, "inbound", "messages_in")); now != rows {
		t.Errorf("%d rows when the close was answered, %d afterwards", rows, now)
	}
}

func closeSession(e *engineproc.Process, id string) error {
	var out struct {
		CloseSession struct{ UserErrors []userError }
	}
	err := e.Query(background(), `mutation($id: ID!) { closeSession(input: {sessionId: $id}) { userErrors { code message } } }`, map[string]any{"id": id}, &out)
	if err == nil && len(out.CloseSession.UserErrors) > 0 {
		err = &refusal{out.CloseSession.UserErrors}
	}
	return err
}
