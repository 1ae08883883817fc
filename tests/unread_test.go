package tests_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// The last that a container wrote is behind a lock while an engine looks for
// what is new, which then dies. The container never writes again.
func TestAReplyBehindALockOutlivesTheEngineThatCouldNotReadIt(t *testing.T) {
	t.Parallel()
	// The engine knows of no container, and watches the folder of none.
	s := newSession(t, "--webhook-allow-private")
	c := &crashSite{session: s, data: s.dataOf(), receiver: newGatekeeper(t)}
	c.push(t, c.receiver.URL)
	must(t, c.engine.Kill())
	c.say(t, 1)
	said := time.Now()
	release := foreign.Hold(t, "lock", c.folder, "outbound")
	// What is said just before an engine looks is looked at by the next as well.
	until(t, "it to be long ago", func() bool { return time.Since(said) > 4*time.Second })
	c.restart(t)
	until(t, "a look at all sessions", func() bool {
		at := c.registered(t, `SELECT at FROM marks WHERE name = 'swept'`)
		if len(at) == 0 {
			return false
		}
		ms, err := strconv.ParseInt(at[0], 10, 64)
		must(t, err)
		return time.UnixMilli(ms).Sub(said) > 4*time.Second
	})
	must(t, c.engine.Kill())
	release()
	if c.state(t, "r1") != "" || slices.Contains(c.registered(t, indexed), "r1") {
		t.Error("r1 was read in spite of the lock")
	}
	c.restart(t)
	waitSettled(t, c.engine, c.id, c.folder, 3)
	c.check(t, false)
}
