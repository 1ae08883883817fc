package sessions_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// The bytes that SQLite locks.
const (
	pendingByte  = 0x40000000
	reservedByte = pendingByte + 1
	sharedByte   = pendingByte + 2
)

// hold locks a byte of a database for as long as a container likes.
func hold(t *testing.T, path string, kind int16, at int64) (release func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	must(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: at, Len: 1}))
	return func() { must(t, f.Close()) }
}

func TestALockThatIsNeverReleasedHoldsUpNobodyElse(t *testing.T) {
	for name, lock := range map[string]struct {
		kind int16
		at   int64
	}{
		"shared":    {unix.F_RDLCK, sharedByte},
		"reserved":  {unix.F_WRLCK, reservedByte},
		"pending":   {unix.F_WRLCK, pendingByte},
		"exclusive": {unix.F_WRLCK, sharedByte},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := hosttest.Open(t, sessions.Options{Limits: engine.Limits{QueueTime: 5 * time.Second}}) // far longer than the others take, on any machine
			s, other := h.Session(t), h.Session(t)
			h.MustWrite(t, s, "before", "hello")
			release := hold(t, h.Folder(s, "inbound.db"), lock.kind, lock.at)

			_, _, err := h.Write(t, s, "m", hosttest.Attach(hosttest.File("a.txt", "attached")))
			wantCode(t, err, engine.CodeUnavailable)
			for range 3 {
				h.MustWrite(t, other, "during", "the others are served on")
				h.Exec(t, other, "inbound.db", `DELETE FROM messages_in; DELETE FROM engine_accepted`)
			}
			release()
			if rows := h.Rows(t, s, "inbound.db", `SELECT id FROM messages_in`); !slices.Equal(rows, []string{"before"}) {
				t.Errorf("there are the rows %q", rows)
			}
			if left, err := os.ReadDir(h.Folder(s, "inbox")); err == nil && len(left) > 0 {
				t.Errorf("%d folders are left in the inbox", len(left))
			}
			if m := h.MustWrite(t, s, "m", hosttest.Attach(hosttest.File("a.txt", "attached"))); *m.Seq != 4 {
				t.Errorf("seq is %d, want 4", *m.Seq)
			}
		})
	}
}

// Acknowledgements of others are copied though many containers lock theirs.
func TestLockedOutboundDatabasesDelayNeitherWritesNorOthersAcknowledgements(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	for range 6 {
		s := h.Session(t)
		release := hold(t, h.Folder(s, "outbound.db"), unix.F_WRLCK, sharedByte)
		t.Cleanup(release)
		h.MustWrite(t, s, "m", hosttest.Attach(hosttest.File("a.txt", "attached")))
	}
	s := h.Session(t)
	h.MustWrite(t, s, "m", "hello")
	h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('m', 'completed', datetime('now'))`)
	hosttest.Wait(t, "the acknowledgement", func() bool {
		return slices.Equal(h.Rows(t, s, "inbound.db", `SELECT status FROM messages_in`), []string{"completed"})
	})
}

func TestAFullQueueAndALateCallerAreToldThatNothingWasWritten(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{Limits: engine.Limits{QueueLength: 2}})
	s := h.Session(t)
	release := hold(t, h.Folder(s, "inbound.db"), unix.F_WRLCK, reservedByte)
	errs := make(chan error)
	const callers = 12
	for range callers {
		go func() {
			_, _, err := h.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, Content: "hello", Trigger: true})
			errs <- err
		}()
	}
	for range callers - 3 { // one batch is begun, with one at least, and two wait
		wantCode(t, <-errs, engine.CodeUnavailable)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, _, err := h.WriteMessage(ctx, engine.WriteMessageInput{SessionID: s.ID, Content: "hello", Trigger: true})
	wantCode(t, err, engine.CodeUnavailable)
	release()
	written := 0
	for range 3 {
		if err := <-errs; err == nil {
			written++
		}
	}
	if rows := h.Rows(t, s, "inbound.db", `SELECT id FROM messages_in`); len(rows) != written {
		t.Errorf("%d rows are there, and %d were acknowledged", len(rows), written)
	}
}
