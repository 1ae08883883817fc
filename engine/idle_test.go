package engine_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// Lesson 37: sessions with nothing to do are neither watched nor looked into,
// however many they are, and have no goroutines, timers or files of their own.
func TestSessionsWithNothingToDoCostNothing(t *testing.T) {
	const idle, active = 200, 5
	h, _ := idleHost(t, idle)
	runtime.GC()
	before := runtime.NumGoroutine()
	for i := range active {
		s := h.Session(t)
		h.MustWrite(t, s, fmt.Sprint("m", i), "hello")
	}
	if n := h.Held(); n < active || n > 3*active {
		t.Errorf("%d of %d sessions have something to do, and %d are held", active, idle+active, n)
	}
	if n := runtime.NumGoroutine() - before; n > 5*active {
		t.Errorf("%d sessions with something to do need %d goroutines", active, n)
	}
	if n, err := h.Sweep(t.Context()); err != nil || n != idle+active {
		t.Fatalf("the sweep saw %d: %v", n, err)
	}
	if n := h.Held(); n > 3*active {
		t.Errorf("after a look at all files, %d sessions are held", n)
	}
}

// idleHost is an engine with sessions that have nothing to do.
func idleHost(t testing.TB, n int) (*hosttest.Host, []engine.Session) {
	t.Helper()
	h := hosttest.OpenWith(t, t.TempDir(), sessions.Options{}, engine.NewEventQueue(), func(c *engine.Config) { c.SweepReplies = time.Hour })
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	all := make([]engine.Session, n)
	for i := range all {
		all[i] = h.Session(t)
	}
	return h, all
}

// BenchmarkSweep is what one look at the time stamps of a session's files
// costs; each session has one a minute. 2% of a core are 12 µs for each of
// 100,000 sessions.
func BenchmarkSweep(b *testing.B) {
	h, all := idleHost(b, 2000)
	began := processorTime(b)
	for b.Loop() {
		if n, err := h.Sweep(b.Context()); err != nil || n != len(all) {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/float64(b.N*len(all)), "cpu-ns/session")
}

// processorTime is what this process has used so far; other than the time of
// day, it does not count what others do on the machine.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	hosttest.Must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
