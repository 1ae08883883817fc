package tests_test

import (
	"context"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// As it is shipped the engine collects seldom, and gives memory back once it is
// quiet. The tenth is of all that is resident, some 50 MB, of which 33 MB are
// pages of the program's file. Its own memory, some 20 MB then, is not held to
// a tenth: it was seen to grow by 1 to 4 MB from one round to the next.
func TestWhatHostileHooksTookIsGivenBack(t *testing.T) {
	t.Parallel()
	a := arena{newSessionIn(t, engineproc.PlainBinary(t))}
	a.installGood(t)
	var most, before, after int64
	for round := range 3 {
		for _, kind := range hostiles() {
			for _, h := range kind {
				t.Run(h.name, func(t *testing.T) { a.meet(t, h) })
			}
		}
		// In the first round it loads what it keeps, and Go notes what it knows of
		// a heap that was once as large.
		if round > 0 {
			most = resident(t, a.engine.Pid(), "VmRSS")
			before, after = after, a.givenBack(t)
		}
	}
	t.Logf("resident: %d bytes before, %d after them, %d when it was given back", before, most, after)
	if after > before+before/10 {
		t.Errorf("the engine keeps %d bytes; it had %d before the hostile hooks, and %d after them", after, before, most)
	}
}

// givenBack waits until the engine keeps little that it does not use, and
// returns what is resident then, but for that.
func (a arena) givenBack(t *testing.T) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		text := a.metrics(t)
		unused := total(t, text, "go_memstats_heap_idle_bytes") - total(t, text, "go_memstats_heap_released_bytes")
		if unused < 4<<20 {
			return resident(t, a.engine.Pid(), "VmRSS") - unused
		}
		select {
		case <-time.After(2 * time.Second): // to be asked is work, too
		case <-ctx.Done():
			t.Fatalf("the engine keeps %d bytes of heap that it does not use", unused)
		}
	}
}
