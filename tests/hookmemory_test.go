package tests_test

import (
	"context"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// As it is shipped the engine collects seldom, and gives memory back once it is
// quiet. Each round but the first is held to a tenth of what the engine itself
// had before it. In the first it loads what it keeps (11 MB become 17), and Go
// notes what it knows of a heap that was once as large.
func TestWhatHostileHooksTookIsGivenBack(t *testing.T) {
	t.Parallel()
	a := arena{newSessionIn(t, engineproc.PlainBinary(t))}
	a.installGood(t)
	var before int64
	for round := range 3 {
		for _, kind := range hostiles() {
			for _, h := range kind {
				t.Run(h.name, func(t *testing.T) { a.meet(t, h) })
			}
		}
		most := resident(t, a.engine.Pid(), "RssAnon")
		after := a.givenBack(t)
		if round > 0 {
			t.Logf("its own memory: %d bytes before, %d after them, %d when it was given back", before, most, after)
			if after > before+before/10 {
				t.Errorf("the engine keeps %d bytes of its own; it had %d before the hostile hooks, and %d after them", after, before, most)
			}
		}
		before = after
	}
}

// givenBack waits until the engine has collected and given back what it does not
// use, and returns what it has of its own then: neither the pages of its files,
// nor heap that is free.
func (a arena) givenBack(t *testing.T) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // after two Go collects anyhow
	defer cancel()
	for {
		text := a.metrics(t)
		used := total(t, text, "go_memstats_heap_alloc_bytes")
		free := total(t, text, "go_memstats_heap_idle_bytes") - total(t, text, "go_memstats_heap_released_bytes")
		if used < 8<<20 && free < 4<<20 { // 5 MB are live
			return resident(t, a.engine.Pid(), "RssAnon") - free
		}
		select {
		case <-time.After(2 * time.Second): // to be asked is work, too
		case <-ctx.Done():
			t.Fatalf("the engine has %d bytes on its heap, and keeps %d that are free", used, free)
		}
	}
}
