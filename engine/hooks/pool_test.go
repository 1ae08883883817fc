package hooks_test

import (
	"fmt"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func TestAnInstanceThatGrewPastItsShareIsClosed(t *testing.T) {
	const page = 64 << 10 // what the guest begins with
	for _, c := range []struct {
		pages, limit, kept int
	}{
		{pages: 7, limit: 16, kept: 1}, // half of its limit
		{pages: 8, limit: 16, kept: 0},
		{pages: 3, limit: 6, kept: 1}, // four times what it began with
		{pages: 4, limit: 6, kept: 0},
	} {
		b := mustOpen(t)
		grows := answering("").doing("on_message", fmt.Sprintf("i32.const %d memory.grow drop", c.pages))
		b.mustUse("grows", grows.bytes(), func(r *engine.HookRecord) { r.Limits.MemoryBytes = int64(c.limit) * page })
		if _, _, err := b.message("a"); err != nil {
			t.Fatal(err)
		}
		n, bytes := b.metric("instances"), b.metric("memory_bytes")
		if want := float64(c.kept * (1 + c.pages) * page); n != float64(c.kept) || bytes != want {
			t.Errorf("grown by %d pages of %d: %v instances with %v bytes are left; want %d with %v", c.pages, c.limit, n, bytes, c.kept, want)
		}
	}
}
