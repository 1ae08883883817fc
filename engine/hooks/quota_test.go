package hooks_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

// holding makes calls of a group that hold what they have until they are let go.
type holding struct {
	b             *bench
	entered, hold chan struct{}
	calls         sync.WaitGroup
}

func (b *bench) holding() *holding {
	return &holding{b: b, entered: make(chan struct{}), hold: make(chan struct{})}
}

func (h *holding) call(group string, n int, size int64) {
	for range n {
		h.calls.Go(func() {
			if _, err := h.b.Run(h.b.t.Context(), onMessage(group, &subject{content: `""`, size: size, entered: h.entered, hold: h.hold})); err != nil {
				h.b.t.Error(err)
			}
		})
	}
}

// await waits until n calls hold what they have.
func (h *holding) await(n int) {
	for range n {
		<-h.entered
	}
}

func (h *holding) end(waiting int) {
	close(h.hold)
	h.await(waiting)
	h.calls.Wait()
}

// paged is a guest whose memory begins with some pages of 64 KiB.
func paged(pages int) []byte {
	g := answering(`{"action":"replace","content":"x"}`)
	g.memories = []string{string(append([]byte{0}, leb(pages)...))}
	return g.bytes()
}

func leb(n int) (b []byte) {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

func only(group string) func(*engine.HookRecord) {
	return func(r *engine.HookRecord) { r.Scope.AgentGroupIDs = []string{group} }
}

func TestAGroupHasHalfOfTheMemoryAndLeavesOthersTheirs(t *testing.T) {
	b := mustOpen(t)
	// Eight instances of the default limit are all that hooks may have.
	b.mustUse("big", paged(2048), only("a"))
	b.mustUse("counts", counting().bytes(), only("b"))
	if content, _, err := b.message("b"); content != `"1"` || err != nil {
		t.Fatalf("%s, %v", content, err)
	}
	a := b.holding()
	a.call("a", 8, 0)
	a.await(4)
	b.await("waiting", 4)
	if content, _, err := b.message("b"); content != `"2"` || err != nil {
		t.Errorf("%s, %v; the instance of another group was to be left alone", content, err)
	}
	a.end(4)
	if n := b.metric("instances"); n != 5 {
		t.Errorf("%v instances; those of the group that waited were to be used again", n)
	}
}

// What one instance may need its group may have, be it more than a share: a
// group that could not run its hook at all would be worse off than before.
func TestAGroupMayHaveWhatOneInstanceNeeds(t *testing.T) {
	b := mustOpen(t, func(o *hooks.Options) { o.MemoryBytes = 4 << 16 })
	b.mustUse("big", paged(3))
	first := b.holding()
	first.call("a", 1, 0)
	first.await(1)
	second := b.holding()
	second.call("b", 1, 0)
	b.await("waiting", 1)
	first.end(0)
	second.await(1)
	second.end(0)
}

func TestWhoWaitsForMemoryIsNotOvertaken(t *testing.T) {
	b := mustOpen(t, func(o *hooks.Options) { o.MemoryBytes = 4 << 16 })
	b.mustUse("big", paged(3), only("b"))
	b.mustUse("small", paged(1), func(r *engine.HookRecord) { r.Scope.AgentGroupIDs = []string{"a", "c", "d"} })
	early, big, late := b.holding(), b.holding(), b.holding()
	early.call("a", 1, 0)
	early.call("c", 1, 0)
	early.await(2)
	big.call("b", 1, 0)
	b.await("waiting", 1)
	late.call("d", 1, 0) // there are two pages for it
	b.await("waiting", 2)
	early.end(0)
	big.await(1)
	late.await(1) // beside the big one
	big.end(0)
	late.end(0)
}

// One that is called again and again is never idle, but when it comes back it
// is the turn of who waits.
func TestWhoWaitsForMemoryGetsWhatIsAlwaysInUse(t *testing.T) {
	b := mustOpen(t, func(o *hooks.Options) { o.MemoryBytes = 4 << 16 })
	b.mustUse("big", paged(3), only("b"))
	b.mustUse("small", paged(1), func(r *engine.HookRecord) {
		r.Scope.AgentGroupIDs = []string{"a", "c"}
		r.Limits.Instances = 1
	})
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for n := range 6 { // callers queue for each instance
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := b.message([]string{"a", "c"}[n%2]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		if _, _, err := b.message("b"); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	busy.Wait()
}

func TestAGroupHasHalfOfTheRoomForLargeInputs(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering(`{"action":"replace","content":"x"}`).bytes())
	a := b.holding()
	a.call("a", 8, 30<<20) // four of them have room
	a.await(4)
	b.await("waiting", 4)
	other := &subject{content: `""`, size: 30 << 20}
	if _, err := b.Run(t.Context(), onMessage("b", other)); err != nil || other.content != `"x"` {
		t.Errorf("%s, %v", other.content, err)
	}
	a.end(4)
}

func TestWhoWaitsForAnInstanceHasNoRoomForItsInput(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering(`{"action":"replace","content":"x"}`).bytes(), func(r *engine.HookRecord) { r.Limits.Instances = 1 })
	const groups, callers = 3, 10
	all := b.holding()
	for n := range groups {
		all.call(fmt.Sprint(n), callers, 30<<20)
	}
	all.await(groups)
	b.await("waiting", groups*(callers-1))
	other := &subject{content: `""`, size: 30 << 20}
	if _, err := b.Run(t.Context(), onMessage("other", other)); err != nil || other.content != `"x"` {
		t.Errorf("%s, %v", other.content, err)
	}
	all.end(groups * (callers - 1))
}

// Between two hooks, too: what it has read is read again.
func TestWhoWaitsForTheNextHookLetsGoOfItsInput(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("first", answering("").bytes())
	b.mustUse("second", answering(`{"action":"replace","content":"x"}`).bytes(), func(r *engine.HookRecord) { r.Limits.Instances = 1 })
	busy := b.holding()
	busy.call("a", 1, 0)
	busy.await(1)
	late := &subject{content: `""`, size: 30 << 20}
	var ended sync.WaitGroup
	ended.Go(func() {
		if _, err := b.Run(t.Context(), onMessage("a", late)); err != nil {
			t.Error(err)
		}
	})
	b.await("waiting", 1)
	busy.end(0)
	ended.Wait()
	if late.content != `"x"` || late.released != 1 || late.appended != 2 {
		t.Errorf("%s; it was let go of %d times, and read %d times", late.content, late.released, late.appended)
	}
}

func TestAHookThatIsRemovedEndsTheCallsThatRun(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering(`{"action":"replace","content":"x"}`).bytes())
	running := b.holding()
	running.call("a", 2, 0)
	running.await(2)
	b.Use(nil)
	if content, action, err := b.message("a"); content != `"hello"` || action != engine.HookPassed || err != nil {
		t.Errorf("%s, %s, %v; it is removed", content, action, err)
	}
	if bytes := b.metric("memory_bytes"); bytes != 2<<16 {
		t.Errorf("%v bytes are in use by two calls", bytes)
	}
	running.end(0) // both succeed
	if bytes := b.metric("memory_bytes"); bytes != 0 {
		t.Errorf("%v bytes are left of what was removed", bytes)
	}
}

func TestEachHooksMemoryIsTold(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("large", paged(3))
	b.mustUse("small", paged(1))
	if _, _, err := b.message("a"); err != nil {
		t.Fatal(err)
	}
	for hook, want := range map[string]float64{"large": 3 << 16, "small": 1 << 16, "": 0} {
		if bytes := b.metric("memory_bytes", hook); bytes != want {
			t.Errorf("%q has %v bytes; want %v", hook, bytes, want)
		}
	}
}
