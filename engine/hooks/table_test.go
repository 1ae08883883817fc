package hooks_test

import (
	"sync"
	"testing"
)

func TestRunningCallsEndOnWhatTheyBeganWith(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering(`{"action":"replace","content":"old"}`).bytes())
	entered, hold := make(chan struct{}), make(chan struct{})
	old := &subject{content: `""`, entered: entered, hold: hold}
	var running sync.WaitGroup
	running.Go(func() {
		if _, err := b.Run(t.Context(), onMessage("a", old)); err != nil {
			t.Error(err)
		}
	})
	<-entered
	b.records = nil
	b.mustUse("one", answering(`{"action":"replace","content":"new"}`).bytes())
	if content, _, err := b.message("a"); content != `"new"` || err != nil {
		t.Errorf("%s, %v", content, err)
	}
	if n := b.metric("memory_bytes"); n != 2<<16 {
		t.Errorf("%v bytes are in use; two instances have a page each", n)
	}
	close(hold)
	running.Wait()
	if old.content != `"old"` {
		t.Error(old.content)
	}
	if n := b.metric("memory_bytes"); n != 1<<16 {
		t.Errorf("%v bytes are in use; the old version's instance was to go", n)
	}
	if calls := b.State("one").Stats.Calls; calls != 2 {
		t.Errorf("%d calls are known; they are the name's, not the version's", calls)
	}
}
