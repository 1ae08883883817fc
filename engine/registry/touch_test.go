package registry_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

func mustLastActive(t *testing.T, r *registry.Registry, id string, want time.Time) {
	t.Helper()
	s, err := r.Session(t.Context(), id)
	must(t, err)
	l, err := r.Sessions(t.Context(), engine.Page{Limit: 1}, engine.SessionFilter{})
	must(t, err)
	for _, s := range []engine.Session{s, l.Items[0]} {
		if s.LastActive == nil || !s.LastActive.Equal(want) {
			t.Fatalf("last active %v, not %v", s.LastActive, want)
		}
	}
}

func TestTouchIsSeenAtOnceAndNeverGoesBack(t *testing.T) {
	r := mustNew(t)
	s := mustSession(t, r, "sess-1")
	if got, err := r.Session(t.Context(), s.ID); err != nil || got.LastActive != nil {
		t.Fatalf("%v, %v", got.LastActive, err)
	}
	r.Touch(s.ID, created.Add(time.Minute))
	mustLastActive(t, r, s.ID, created.Add(time.Minute))
	r.Touch(s.ID, created)
	mustLastActive(t, r, s.ID, created.Add(time.Minute))
	r.Touch("sess-unknown", created)
	changed, err := r.SetContainerStatus(t.Context(), s.ID, engine.ContainerIdle)
	must(t, err)
	if changed.LastActive == nil || !changed.LastActive.Equal(created.Add(time.Minute)) {
		t.Errorf("last active %v", changed.LastActive)
	}
}

func TestTouchReachesTheDiskWithoutAClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	r := mustFill(t, mustOpen(t, path))
	mustSession(t, r, "sess-1")
	r.Touch("sess-1", created)
	c := mustSQL(t, path)
	for {
		if rows := mustRows(t, c, "SELECT last_active FROM sessions"); rows[0] == fmt.Sprint(created.UnixMilli()) {
			break
		}
		// Meanwhile, and while it is written, nobody sees an older time.
		mustLastActive(t, r, "sess-1", created)
		runtime.Gosched()
	}
	mustLastActive(t, r, "sess-1", created)
}

func TestTouchesOfManySessionsAreKeptAcrossAClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	r := mustFill(t, mustOpen(t, path))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			id := fmt.Sprintf("sess-%d", i)
			if err := r.CreateSession(t.Context(), session(id, "ag", engine.ModeShared, "", "")); err != nil {
				t.Error(err)
			}
			for n := range 20 {
				r.Touch(id, created.Add(time.Duration((i+n*7)%20)*time.Second))
			}
		})
	}
	wg.Wait()
	mustClose(t, r)
	c := mustSQL(t, path)
	want := fmt.Sprintf("50 %d", created.Add(19*time.Second).UnixMilli())
	if rows := mustRows(t, c, "SELECT count(*), min(last_active) FROM sessions"); rows[0] != want {
		t.Errorf("%v, not %s", rows, want)
	}
}
