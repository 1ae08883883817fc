package registry_test

import (
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
)

func TestAChangeIsSeenByTheNextReadWhoeverElseReads(t *testing.T) {
	r := mustNew(t)
	mustSession(t, r, "sess-1")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := r.Session(t.Context(), "sess-1"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	statuses := []engine.ContainerStatus{engine.ContainerRunning, engine.ContainerIdle, engine.ContainerStopped}
	for i := range 60 {
		want := statuses[i%len(statuses)]
		if _, err := r.SetContainerStatus(t.Context(), "sess-1", want); err != nil {
			t.Fatal(err)
		}
		s, err := r.Session(t.Context(), "sess-1")
		if err != nil || s.ContainerStatus != want {
			t.Fatalf("read %s, %v after %s was set", s.ContainerStatus, err, want)
		}
	}
	close(stop)
	readers.Wait()
	if _, err := r.CloseSession(t.Context(), "sess-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	if s, err := r.Session(t.Context(), "sess-1"); err != nil || s.Status != engine.SessionClosed {
		t.Fatalf("read %s, %v after the session was closed", s.Status, err)
	}
}
