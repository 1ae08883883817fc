package traces_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/traces"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func mustOpen(t *testing.T, path string, o traces.Options) *traces.Traces {
	t.Helper()
	k, err := traces.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func hash(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64()
}

func made(session string, d engine.Direction, seq int64, id string) *engine.HookTrace {
	size := int64(5)
	return &engine.HookTrace{SessionID: session, Direction: d, Seq: seq, ID: hash(id), ReceivedAt: noon, WrittenAt: noon.Add(3 * time.Millisecond),
		Runs: []engine.HookRun{
			{Hook: "h", Version: "aa", Point: engine.HookOnMessage, Action: engine.HookReplaced, Took: 1234 * time.Nanosecond, Fuel: 99,
				Changes: []engine.HookChange{{Path: "/text", Before: &size}, {Path: "/more", After: &size}}},
			{Hook: "h", Version: "bb", Point: engine.HookOnAttachment, Action: engine.HookWasPassed, Reason: "it trapped", Attachment: 2, Name: "a.png"},
		}}
}

func mustAdd(t *testing.T, k *traces.Traces, all ...*engine.HookTrace) {
	t.Helper()
	for _, h := range all {
		if !k.Add(h) {
			t.Fatalf("%+v was not taken", h)
		}
	}
}

func mustKeep(t *testing.T, k *traces.Traces, at time.Time, all ...*engine.HookTrace) {
	t.Helper()
	mustAdd(t, k, all...)
	if err := k.Store(t.Context(), at); err != nil {
		t.Fatal(err)
	}
}

func mustFind(t *testing.T, k *traces.Traces, session string, d engine.Direction, seqs ...int64) map[int64]*engine.HookTrace {
	t.Helper()
	found, err := k.Find(t.Context(), session, d, seqs)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func prune(t *testing.T, k *traces.Traces, now time.Time) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = k.Prune(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsKeptIsFoundAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "traces.db")
	k := mustOpen(t, path, traces.Options{})
	var all []*engine.HookTrace
	for n := range int64(1000) { // in more than one chunk, out of order
		all = append(all, made("s", engine.DirectionIn, 2*(n*7%1000), fmt.Sprint("m", n)))
	}
	reply := made("s", engine.DirectionOut, 4, "r")
	reply.WrittenAt = time.Time{}
	mustKeep(t, k, noon, append(all, reply, made("other", engine.DirectionIn, 4, "o"))...)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k = mustOpen(t, path, traces.Options{})
	var seqs []int64
	for _, h := range all {
		seqs = append(seqs, h.Seq)
	}
	for _, asked := range [][]int64{seqs, {4}, {0, 1998}, {1001, 4}} {
		found := mustFind(t, k, "s", engine.DirectionIn, asked...)
		for _, h := range all {
			for _, seq := range asked {
				if seq == h.Seq && !reflect.DeepEqual(found[seq], h) {
					t.Fatalf("%+v became %+v", h, found[seq])
				}
			}
		}
		if found[1001] != nil {
			t.Errorf("what was never kept is %+v", found[1001])
		}
	}
	if found := mustFind(t, k, "s", engine.DirectionOut, 4); !reflect.DeepEqual(found[4], reply) {
		t.Errorf("the reply became %+v", found[4])
	}
}

func TestWhatAContainerNumbersAsItLikesIsFound(t *testing.T) {
	seqs := []int64{math.MinInt64, 3, math.MaxInt64, -5, math.MinInt64 + 1}
	k := mustOpen(t, filepath.Join(t.TempDir(), "traces.db"), traces.Options{})
	for _, seq := range seqs {
		mustAdd(t, k, made("s", engine.DirectionOut, seq, fmt.Sprint(seq)))
	}
	if err := k.Store(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	for _, asked := range [][]int64{seqs, {3}, {math.MinInt64}, {math.MaxInt64}} {
		found := mustFind(t, k, "s", engine.DirectionOut, asked...)
		for _, seq := range asked {
			if found[seq] == nil || found[seq].ID != hash(fmt.Sprint(seq)) {
				t.Errorf("of %d, asked with %d, there is %+v", seq, asked, found[seq])
			}
		}
	}
}

func TestWhatIsNewestCounts(t *testing.T) {
	k := mustOpen(t, filepath.Join(t.TempDir(), "traces.db"), traces.Options{})
	mustKeep(t, k, noon, made("s", engine.DirectionIn, 100, "old"), made("s", engine.DirectionIn, 200, "a"))
	mustKeep(t, k, noon, made("s", engine.DirectionIn, 200, "b"))
	mustKeep(t, k, noon, made("s", engine.DirectionIn, 2, "c"), made("s", engine.DirectionIn, 100, "new"))
	found := mustFind(t, k, "s", engine.DirectionIn, 2, 100, 200)
	if found[2].ID != hash("c") || found[100].ID != hash("new") || found[200].ID != hash("b") {
		t.Errorf("found %+v, %+v, %+v", found[2], found[100], found[200])
	}
}

func TestWhatWaitsIsFoundAndForgotten(t *testing.T) {
	k := mustOpen(t, filepath.Join(t.TempDir(), "traces.db"), traces.Options{})
	mustKeep(t, k, noon, made("s", engine.DirectionIn, 2, "old"), made("s", engine.DirectionIn, 4, "stored"))
	other := made("other", engine.DirectionIn, 2, "other")
	mustAdd(t, k, made("s", engine.DirectionIn, 2, "new"), made("s", engine.DirectionOut, 2, "reply"), made("s", engine.DirectionIn, 9000, "far"), other)
	*other = engine.HookTrace{} // it was copied
	look := func(when string) {
		t.Helper()
		found := mustFind(t, k, "s", engine.DirectionIn, 2, 4, 9000)
		found[1], found[0] = mustFind(t, k, "s", engine.DirectionOut, 2)[2], mustFind(t, k, "other", engine.DirectionIn, 2)[2]
		for seq, id := range map[int64]string{2: "new", 4: "stored", 9000: "far", 1: "reply", 0: "other"} {
			if found[seq] == nil || found[seq].ID != hash(id) {
				t.Errorf("%s, in place of %s there is %+v", when, id, found[seq])
			}
		}
	}
	look("before it is stored")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Store(ended, noon); err == nil {
		t.Fatal("it was stored for a caller who had gone")
	}
	look("after it could not be stored")
	mustAdd(t, k, made("s", engine.DirectionIn, 2, "new"))
	if err := k.Store(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	look("once it is stored")
	mustAdd(t, k, made("s", engine.DirectionIn, 6, "waits"), made("other", engine.DirectionIn, 4, "waits"))
	for more := true; more; {
		var err error
		if more, err = k.Forget(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
	}
	if found := mustFind(t, k, "s", engine.DirectionIn, 2, 4, 6, 9000); len(found) > 0 {
		t.Errorf("of what is forgotten there is %+v", found)
	}
	if err := k.Store(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if found := mustFind(t, k, "s", engine.DirectionIn, 6); len(found) > 0 {
		t.Errorf("what was forgotten was stored: %+v", found)
	}
	if mustFind(t, k, "other", engine.DirectionIn, 4)[4] == nil {
		t.Error("another session's is gone too")
	}
}

func TestWhatWaitsIsBounded(t *testing.T) {
	k := mustOpen(t, filepath.Join(t.TempDir(), "traces.db"), traces.Options{})
	large := func(seq int64) *engine.HookTrace {
		h := made("s", engine.DirectionIn, seq, "large")
		h.Runs[0].Reason = strings.Repeat("x", 1<<20)
		return h
	}
	seq := int64(0)
	for k.Add(large(seq)) {
		if seq++; seq > 64 {
			t.Fatal("64 MiB wait")
		}
	}
	if seq < 4 {
		t.Errorf("%d MiB are too much", seq)
	}
	if err := k.Store(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if !k.Add(large(seq)) {
		t.Error("there is no room after it was stored")
	}
}

func TestWhatIsOldOrTooMuchGoes(t *testing.T) {
	t.Run("old", func(t *testing.T) {
		k := mustOpen(t, filepath.Join(t.TempDir(), "traces.db"), traces.Options{Age: time.Hour})
		mustKeep(t, k, noon, made("s", engine.DirectionIn, 2, "a"))
		mustKeep(t, k, noon.Add(30*time.Minute), made("kept", engine.DirectionIn, 2, "b"))
		prune(t, k, noon.Add(time.Hour))
		if mustFind(t, k, "s", engine.DirectionIn, 2)[2] == nil {
			t.Error("one is gone before its time")
		}
		prune(t, k, noon.Add(time.Hour+time.Second))
		if mustFind(t, k, "s", engine.DirectionIn, 2)[2] != nil {
			t.Error("one is kept that is too old")
		}
		if ids, err := k.Sessions(t.Context(), "", 10); err != nil || len(ids) != 1 || ids[0] != "kept" {
			t.Errorf("sessions are %q, %v", ids, err)
		}
	})
	t.Run("too much", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "traces.db")
		k := mustOpen(t, path, traces.Options{Bytes: 256 << 10})
		var seq int64
		for range 20 {
			var some []*engine.HookTrace
			for range 1000 {
				seq += 2
				some = append(some, made("s", engine.DirectionIn, seq, fmt.Sprint("m", seq)))
			}
			mustKeep(t, k, noon, some...)
			prune(t, k, noon)
		}
		if mustFind(t, k, "s", engine.DirectionIn, 2)[2] != nil {
			t.Error("the oldest is still there")
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() > 2<<20 {
			t.Errorf("it takes %d bytes, %v", info.Size(), err)
		}
		mustKeep(t, k, noon, made("s", engine.DirectionIn, seq+2, "last"))
		if mustFind(t, k, "s", engine.DirectionIn, seq+2)[seq+2] == nil {
			t.Error("the newest is gone")
		}
	})
}

func TestASessionIsForgottenAndNoOther(t *testing.T) {
	k := mustOpen(t, filepath.Join(t.TempDir(), "traces.db"), traces.Options{})
	for n := range int64(300) { // more than are removed at one time
		mustKeep(t, k, noon, made("s", engine.DirectionIn, n, "m"))
	}
	mustKeep(t, k, noon, made("other", engine.DirectionIn, 1, "m"))
	for more := true; more; {
		var err error
		if more, err = k.Forget(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
	}
	if found := mustFind(t, k, "s", engine.DirectionIn, 1, 2, 299); len(found) > 0 {
		t.Errorf("it has %v", found)
	}
	if mustFind(t, k, "other", engine.DirectionIn, 1)[1] == nil {
		t.Error("another is gone too")
	}
}

func TestAFileThatCannotBeUsedIsMadeAnew(t *testing.T) {
	for name, content := range map[string][]byte{"garbage": []byte("no database at all, and longer than a header would be......................................................"), "empty": nil} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "traces.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			k := mustOpen(t, path, traces.Options{})
			mustKeep(t, k, noon, made("s", engine.DirectionIn, 2, "m"))
			if mustFind(t, k, "s", engine.DirectionIn, 2)[2] == nil {
				t.Error("nothing is kept in it")
			}
		})
	}
}
