package registry_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// While another program holds the database, one call is taken and waits; one
// that was not taken gives up when its context ends, and writes nothing.
func TestDeadlineEndsTheWaitOnlyBeforeACallIsTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	r := mustFill(t, mustOpen(t, path))
	foreign := mustSQL(t, path)
	must(t, foreign.Exec("BEGIN IMMEDIATE"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // both have begun by then
	defer cancel()
	type result struct {
		id  string
		err error
	}
	results := make(chan result, 2)
	for _, id := range []string{"sess-1", "sess-2"} {
		go func() {
			results <- result{id, r.CreateSession(ctx, session(id, "ag", engine.ModeShared, "", ""))}
		}()
	}
	refused := <-results
	wantCode(t, refused.err, engine.CodeUnavailable)
	if !errors.Is(refused.err, context.DeadlineExceeded) {
		t.Errorf("the cause is lost: %v", refused.err)
	}
	must(t, foreign.Exec("ROLLBACK"))
	taken := <-results
	must(t, taken.err)
	_, err := r.Session(t.Context(), taken.id)
	must(t, err)
	_, err = r.Session(t.Context(), refused.id)
	wantCode(t, err, engine.CodeNotFound)
}

func TestDatabaseHeldByAnotherProgramIsUnavailable(t *testing.T) {
	t.Parallel() // it waits as long as SQLite does
	path := filepath.Join(t.TempDir(), "engine.db")
	r := mustFill(t, mustOpen(t, path))
	foreign := mustSQL(t, path)
	must(t, foreign.Exec("BEGIN IMMEDIATE"))
	err := r.CreateSession(t.Context(), session("sess-1", "ag", engine.ModeShared, "", ""))
	wantCode(t, err, engine.CodeUnavailable)
	if !errors.Is(err, sqlite3.BUSY) {
		t.Errorf("the cause is lost: %v", err)
	}
	_, err = r.AgentGroup(t.Context(), "ag") // readers do not wait for writers
	must(t, err)
	must(t, foreign.Exec("ROLLBACK"))
	mustSession(t, r, "sess-1")
}
