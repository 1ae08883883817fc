package tests_test

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// The file system is stopped at once, without its journal being written out:
// what the engine did not sync is lost, as when the power goes. The disk's
// own cache is not: what an fsync does not flush to the platter stays untested.
func TestPowerLossLosesNothingThatWasAcknowledged(t *testing.T) {
	d := newDisk(t, 256<<20)
	w := newCrashWorld(t, filepath.Join(d.dir, "data"), 4, 3, mixed, everySecond)
	threads := &resolver{}
	w.run(kills(t, 10), func() {
		w.crash(rand.IntN(60), func(e *engineproc.Process) error {
			return errors.Join(d.cutPower(), e.Kill(), d.restore())
		})
		w.start()
	}, func() { threads.run(w.supervisor) })
	threads.check(t, w.current())
	w.stop()
	w.check()
	if f, code := doctor(t, w.data, "--repair"); code != healthy {
		t.Errorf("the doctor finds %+v", f)
	}
}
