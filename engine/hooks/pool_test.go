package hooks_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
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

func TestAgentGroupsShareNothing(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("counts", counting().bytes())
	for _, c := range []struct{ group, content string }{{"a", `"1"`}, {"a", `"2"`}, {"b", `"1"`}, {"a", `"3"`}, {"b", `"2"`}} {
		if content, _, err := b.message(c.group); content != c.content || err != nil {
			t.Errorf("%s: %s, %v; want %s", c.group, content, err, c.content)
		}
	}
}

func TestASlowGroupDoesNotHoldUpAnother(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering(`{"action":"replace","content":"x"}`).bytes(), func(r *engine.HookRecord) { r.Limits.Instances = 2 })
	entered, hold := make(chan struct{}), make(chan struct{})
	var slow sync.WaitGroup
	for range 10 {
		slow.Go(func() {
			if _, err := b.Run(t.Context(), onMessage("slow", &subject{content: `""`, entered: entered, hold: hold})); err != nil {
				t.Error(err)
			}
		})
	}
	<-entered
	<-entered
	b.await("waiting", 8)
	for range 20 {
		if content, _, err := b.message("quick"); content != `"x"` || err != nil {
			t.Errorf("%s, %v", content, err)
		}
	}
	close(hold)
	for range 8 {
		<-entered
	}
	slow.Wait()
}

func TestCallersWaitInTurn(t *testing.T) {
	const instances, callers = 8, 64
	b := mustOpen(t)
	b.mustUse("one", answering(`{"action":"replace","content":"x"}`).bytes(), func(r *engine.HookRecord) { r.Limits.Instances = instances })
	hold := make(chan struct{})
	order := make(chan int, callers)
	var all sync.WaitGroup
	for n := range callers {
		entered := make(chan struct{})
		all.Go(func() {
			if _, err := b.Run(t.Context(), onMessage("a", &subject{content: `""`, entered: entered, hold: hold})); err != nil {
				t.Error(err)
			}
		})
		if n < instances {
			<-entered
			continue
		}
		b.await("waiting", float64(n-instances+1))
		go func() {
			<-entered
			order <- n
		}()
	}
	if n := b.metric("instances"); n != instances {
		t.Errorf("%v instances", n)
	}
	for n := instances; n < callers; n++ {
		hold <- struct{}{}
		if got := <-order; got != n {
			t.Fatalf("caller %d was let in when it was %d's turn", got, n)
		}
	}
	close(hold)
	all.Wait()
}

func TestAnUnchangedHookKeepsItsInstances(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("counts", counting().bytes())
	for n := 1; n < 4; n++ {
		if content, _, err := b.message("a"); content != fmt.Sprintf(`"%d"`, n) || err != nil {
			t.Errorf("%s, %v", content, err)
		}
		b.records[0].Order++
		b.records[0].OnFailure = engine.HookSkip
		b.Use(b.records)
	}
	b.records[0].Config = json.RawMessage(`{}`)
	b.Use(b.records)
	if content, _, err := b.message("a"); content != `"1"` || err != nil {
		t.Errorf("%s, %v; with another configuration it was to begin anew", content, err)
	}
}

func TestIdleInstancesAreClosed(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering("").bytes())
	for n := range 100 {
		if _, _, err := b.message(fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.metric("instances"); n != 100 {
		t.Errorf("%v instances", n)
	}
	b.CloseIdle(time.Now().Add(-time.Hour))
	if n := b.metric("instances"); n != 100 {
		t.Errorf("%v instances are left, of 100 that are in use", n)
	}
	b.CloseIdle(time.Now().Add(time.Hour))
	if n, bytes := b.metric("instances"), b.metric("memory_bytes"); n != 0 || bytes != 0 {
		t.Errorf("%v instances are left, %v bytes", n, bytes)
	}
}

func TestIdleInstancesGiveWayWhenMemoryIsShort(t *testing.T) {
	const pages = 16
	b := mustOpen(t, func(o *hooks.Options) { o.MemoryBytes = pages << 16 })
	b.mustUse("counts", counting().bytes())
	for n := range 4 * pages {
		if content, _, err := b.message(fmt.Sprint(n)); content != `"1"` || err != nil {
			t.Fatalf("%s, %v", content, err)
		}
		if bytes := b.metric("memory_bytes"); bytes > pages<<16 {
			t.Fatalf("%v bytes are in use", bytes)
		}
	}
	if content, _, _ := b.message(fmt.Sprint(4*pages - 1)); content != `"2"` {
		t.Errorf("%s: the instance that was used last has given way", content)
	}
}

func TestMemoryThatOthersHaveIsNoFailure(t *testing.T) {
	b := mustOpen(t, func(o *hooks.Options) { o.MemoryBytes = 64 << 16 })
	b.mustUse("grows", answering(`{"action":"replace","content":"x"}`).
		doing("on_message", "block i32.const 39 memory.grow i32.const -1 i32.ne br_if 0 unreachable end").bytes())
	entered, hold := make(chan struct{}), make(chan struct{})
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := b.Run(t.Context(), onMessage("a", &subject{content: `""`, entered: entered, hold: hold})); err != nil {
			t.Error(err)
		}
	})
	<-entered
	_, _, err := b.message("b")
	mustFail(t, err, engine.CodeUnavailable, "the memory that hooks may have is in use (4,194,304 bytes in all, half of them for one agent group)")
	close(hold)
	first.Wait()
	if _, _, err := b.message("b"); err != nil { // what is idle gives way
		t.Error(err)
	}
	if s := b.State("grows").Stats; s.Failures != 0 || s.Calls != 2 {
		t.Errorf("%+v", s)
	}
	large := answering("")
	large.memories = []string{"\x00\x41"}
	b.records = nil
	b.mustUse("large", large.bytes())
	_, _, err = b.message("a")
	mustFail(t, err, engine.CodeHookFailed, "it begins with 4,259,840 bytes of memory, more than the 4,194,304 that all hooks may have together")
}
