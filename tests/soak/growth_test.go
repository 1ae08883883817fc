package soak_test

import (
	"path/filepath"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// What an engine that carried the load may need more than one that has just
// started on the same data.
const (
	moreGoroutines = 20
	moreFiles      = 20
	moreHeap       = 64 << 20
)

// checkGrowth waits for the engine to become as small as a new one was: what
// it keeps for a while, it lets go.
func (w *world) checkGrowth() {
	var now size
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Second) {
		w.engines.running().CloseIdle()
		var err error
		now, err = w.size()
		must(w.t, err)
		w.note("quiet: %s", now)
		if now.goroutines <= w.fresh.goroutines+moreGoroutines && now.files <= w.fresh.files+moreFiles && now.heap <= w.fresh.heap+moreHeap {
			w.t.Logf("before the load: %s; after it: %s", w.fresh, now)
			return
		}
	}
	w.t.Errorf("the engine grew: before the load it needed %s, after it %s", w.fresh, now)
}

// checkStopped looks at what is left when the engine has ended in order.
func (w *world) checkStopped() {
	w.engines.stop()
	twice, err := filepath.Glob(filepath.Join(w.locks, "*.twice"))
	must(w.t, err)
	for _, path := range twice {
		w.t.Errorf("a second container was started: %s", path)
	}
	locks, err := filepath.Glob(filepath.Join(w.locks, "*.lock"))
	must(w.t, err)
	for _, path := range locks {
		if pid := holder(path); pid != 0 {
			w.t.Errorf("an agent outlives the engine: %s is held by process %d", path, pid)
		}
	}
	if out, err := engineproc.Command(w.t, "doctor", "--data", w.data).CombinedOutput(); err != nil {
		w.t.Errorf("the doctor: %v\n%s", err, out)
	}
}
