package engine_test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

func claim(t *testing.T, h *hosttest.Host, s engine.Session, owner string) bool {
	t.Helper()
	claimed, _, err := h.ClaimContainer(t.Context(), engine.ClaimContainerInput{SessionID: s.ID, Owner: owner, Lease: time.Minute})
	hosttest.Must(t, err)
	return claimed
}

func TestTwoClaimersNeverBothGetAContainer(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	for round := range 20 {
		var got atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				claimed, _, err := h.ClaimContainer(t.Context(), engine.ClaimContainerInput{SessionID: s.ID, Owner: fmt.Sprint("owner ", i), Lease: time.Minute})
				if err != nil {
					t.Error(err)
				}
				if claimed {
					got.Add(1)
				}
			})
		}
		wg.Wait()
		if got.Load() != 1 {
			t.Fatalf("%d of 8 claimers got it", got.Load())
		}
		if round%2 == 0 {
			mark(t, h, s, engine.ContainerStopped)
		} else {
			c.move(time.Minute)
		}
	}
}

// Lesson 32.
func TestAClaimOutlivesTheEngineAndExpires(t *testing.T) {
	t.Parallel()
	c := newClock()
	o := sessions.Options{Now: c.now}
	h := hosttest.Open(t, o)
	s := h.Session(t)
	write(t, h, s, engine.WriteMessageInput{Trigger: true})
	if !claim(t, h, s, "a") {
		t.Fatal("the first claimer did not get it")
	}
	hosttest.Must(t, h.Close())
	h = hosttest.OpenAt(t, h.Data, o)
	if claim(t, h, s, "b") {
		t.Fatal("a second claimer got it after a restart")
	}
	if !claim(t, h, s, "a") {
		t.Fatal("its owner could not have it longer")
	}
	waitTold(t, h, s, engine.EventSessionDue, 1)
	c.move(time.Minute)
	// Its owner did nothing.
	waitTold(t, h, s, engine.EventSessionDue, 2)
	if !claim(t, h, s, "b") {
		t.Fatal("what expired cannot be taken over")
	}
	if claim(t, h, s, "a") {
		t.Fatal("its owner has it though it expired and was taken over")
	}
}

func TestAContainerThatRunsWithoutAClaimCannotBeClaimed(t *testing.T) {
	t.Parallel()
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	mark(t, h, s, engine.ContainerRunning)
	if claim(t, h, s, "a") {
		t.Fatal("a second container would be started")
	}
	mark(t, h, s, engine.ContainerStopped)
	if !claim(t, h, s, "a") {
		t.Fatal("it is stopped, and cannot be claimed")
	}
}

// Lessons 30 and 31.
func TestAClaimMakesTheFolderReadyForItsContainer(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := hosttest.Open(t, sessions.Options{Now: c.now})
	s := h.Session(t)
	if !claim(t, h, s, "a") {
		t.Fatal("not claimed")
	}
	mark(t, h, s, engine.ContainerRunning)
	beat(t, h, s, c.now())
	h.Exec(t, s, "outbound.db", `INSERT INTO processing_ack VALUES ('m', 'processing', '2026-01-01 00:00:00')`)
	h.Exec(t, s, "inbound.db", `DELETE FROM session_routing`)
	c.move(time.Minute)
	if !claim(t, h, s, "b") {
		t.Fatal("not taken over")
	}
	if _, err := os.Stat(h.Folder(s, ".heartbeat")); !os.IsNotExist(err) {
		t.Errorf("the predecessor's heartbeat is there: %v", err)
	}
	if rows := h.Rows(t, s, "outbound.db", `SELECT * FROM processing_ack`); len(rows) > 0 {
		t.Errorf("orphaned claims: %v", rows)
	}
	if rows := h.Rows(t, s, "inbound.db", `SELECT * FROM session_routing`); len(rows) != 1 {
		t.Errorf("routing: %v", rows)
	}
	got, err := h.Engine.Session(t.Context(), s.ID)
	hosttest.Must(t, err)
	if got.ContainerStatus != engine.ContainerStopped {
		t.Errorf("the lost container is %s", got.ContainerStatus)
	}
	// Its container has started and beats before that is marked.
	beat(t, h, s, c.now())
	mark(t, h, s, engine.ContainerRunning)
	if _, err := os.Stat(h.Folder(s, ".heartbeat")); err != nil {
		t.Errorf("the new container's heartbeat was removed: %v", err)
	}
}

func TestClaimsAreChecked(t *testing.T) {
	t.Parallel()
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	closed := h.Session(t)
	_, err := h.CloseSession(t.Context(), closed.ID)
	hosttest.Must(t, err)
	for code, inputs := range map[engine.Code][]engine.ClaimContainerInput{
		engine.CodeInvalidInput: {
			{SessionID: s.ID, Owner: "", Lease: time.Minute},
			{SessionID: s.ID, Owner: "a\n", Lease: time.Minute},
			{SessionID: s.ID, Owner: "a"},
			{SessionID: s.ID, Owner: "a", Lease: 25 * time.Hour},
		},
		engine.CodeNotFound:      {{SessionID: "sess-none", Owner: "a", Lease: time.Minute}, {SessionID: "../x", Owner: "a", Lease: time.Minute}},
		engine.CodeSessionClosed: {{SessionID: closed.ID, Owner: "a", Lease: time.Minute}},
	} {
		for _, in := range inputs {
			_, _, err := h.ClaimContainer(t.Context(), in)
			hosttest.WantCode(t, err, code)
		}
	}
}
