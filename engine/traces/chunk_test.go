package traces

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
)

func passed(n int64) *engine.HookTrace {
	at := time.UnixMilli(1_790_000_000_000 + n).UTC()
	return &engine.HookTrace{SessionID: "sess-1", Direction: engine.DirectionIn, Seq: 2 * n, ID: uint64(n) * 0x9e3779b97f4a7c15, ReceivedAt: at, WrittenAt: at.Add(9 * time.Millisecond),
		Runs: []engine.HookRun{{Hook: "redact", Version: strings.Repeat("5", 64), Point: engine.HookOnMessage, Action: engine.HookPassed, Took: 700, Fuel: 1234}}}
}

func FuzzABodyIsReadOrRefused(f *testing.F) {
	size := int64(-3)
	odd := passed(7)
	odd.WrittenAt = odd.ReceivedAt.Add(-time.Hour)
	odd.Runs = append(odd.Runs, engine.HookRun{Reason: "it \x00 trapped", Attachment: 3, Name: "a.png", Point: engine.HookOnAttachment, Action: engine.HookFailed,
		Changes: []engine.HookChange{{Path: "/a", Before: &size}, {After: &size}}})
	bodyOf := func(of ...*engine.HookTrace) []byte {
		var c chunk
		for _, h := range of {
			c.add(h)
		}
		return c.body
	}
	whole := bodyOf(passed(1), odd, passed(200))
	for n := range whole {
		f.Add(whole[:n])
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, body []byte) {
		read := func(body []byte) (all []*engine.HookTrace, err error) {
			err = each(body, func(h engine.HookTrace) { all = append(all, &h) })
			return all, err
		}
		first, err := read(body)
		if err != nil {
			return
		}
		again, err := read(bodyOf(first...))
		if err != nil || !reflect.DeepEqual(first, again) {
			t.Fatalf("%+v became %+v, %v", first, again, err)
		}
	})
}

func BenchmarkKeep(b *testing.B) {
	k, err := Open(b.Context(), filepath.Join(b.TempDir(), "traces.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	const each = 6000
	n := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		var some []*engine.HookTrace
		for range each {
			n++
			some = append(some, passed(n))
		}
		b.StartTimer()
		for _, h := range some {
			k.Add(h)
		}
		if err := k.Store(b.Context(), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/each, "ns/trace")
}
