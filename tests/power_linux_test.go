package tests_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// The file system is stopped at once, without its journal being written out:
// what the engine did not sync is lost, as when the power goes. The disk's
// own cache is not: what an fsync does not flush to the platter stays untested.
func TestPowerLossLosesNothingThatWasAcknowledged(t *testing.T) {
	for _, block := range []int{1024, 4096} {
		t.Run(fmt.Sprint("blocks of ", block), func(t *testing.T) { cutPower(t, newDisk(t, 256<<20, block)) })
	}
}

func cutPower(t *testing.T, d *disk) {
	w := newCrashWorld(t, filepath.Join(d.dir, "data"), 4, 3, mixed, everySecond)
	w.powerCuts = true
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
	findings, _ := doctor(t, w.data, "--repair")
	for _, f := range unrepaired(findings) {
		// A folder of a session that nobody was told of, torn: it could be
		// somebody's, so it stays.
		if f.Problem != "it is a session's folder that is not registered" {
			t.Errorf("the doctor finds %+v", f)
		}
	}
}
