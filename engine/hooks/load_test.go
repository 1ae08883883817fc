package hooks_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

// TestChangesUnderLoad: hooks come and go, instances are closed, memory is
// short and some calls fail, while others run. Each call is of one version,
// and at the end nothing is left.
func TestChangesUnderLoad(t *testing.T) {
	b := mustOpen(t, func(o *hooks.Options) { o.MemoryBytes = 12 << 16 })
	replace := func(with string) []byte { return answering(`{"action":"replace","content":"` + with + `"}`).bytes() }
	few := func(r *engine.HookRecord) { r.Limits.Instances = 2 }
	versions := []engine.HookRecord{b.mustAdd("one", replace("old"), few), b.mustAdd("one", replace("new"), few)}
	bad := b.mustAdd("bad", answering("").doing("hook_done", "unreachable").bytes(), func(r *engine.HookRecord) {
		r.OnFailure, r.Scope.AgentGroupIDs = engine.HookSkip, []string{"0"}
	})
	b.Use(versions[:1])
	done := make(chan struct{}, 16)
	var calls sync.WaitGroup
	for n := range 16 {
		calls.Go(func() {
			for range 100 {
				if content, action, err := b.message(fmt.Sprint(n % 4)); content != `"old"` && content != `"new"` || action != engine.HookReplaced || err != nil {
					t.Errorf("%s, %s, %v", content, action, err)
				}
				done <- struct{}{}
			}
		})
	}
	for n := range 16 * 100 {
		<-done
		switch n % 40 {
		case 0:
			b.Use([]engine.HookRecord{versions[n/40%2], bad})
		case 10:
			b.CloseIdle(time.Now())
		case 20:
			b.metric("instances")
		case 30:
			b.clock.pass(time.Hour)
		}
	}
	calls.Wait()
	b.Use(nil)
	if n := b.metric("memory_bytes"); n != 0 {
		t.Errorf("%v bytes are left", n)
	}
}
