package registry_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

const benchSessions = 100_000

// mustLarge returns a registry of many idle sessions, each with a key.
func mustLarge(b *testing.B) *registry.Registry {
	b.Helper()
	path := filepath.Join(b.TempDir(), "engine.db")
	mustClose(b, mustFill(b, mustOpen(b, path)))
	c := mustSQL(b, path)
	must(b, c.Exec(fmt.Sprintf(`INSERT INTO sessions (id, agent_group_id, messaging_group_id, thread_id, mode, status, container_status, labels, created_at, last_active, key)
		SELECT 'sess-019c0000-0000-7000-8000-' || printf('%%012d', value), 'ag', 'mg', 't' || value, 'PER_THREAD', 'ACTIVE', 'STOPPED', '[]', 0, 1, 'PER_THREAD/ag/mg/t' || value
		FROM generate_series(0, %d)`, benchSessions-1)))
	return mustOpen(b, path)
}

func benchID(i int) string { return fmt.Sprintf("sess-019c0000-0000-7000-8000-%012d", i) }

func BenchmarkSession(b *testing.B) {
	r := mustLarge(b)
	var lookups []string
	for i := range 1000 {
		lookups = append(lookups, benchID(i*7919%benchSessions))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, err := r.Session(b.Context(), lookups[i%len(lookups)])
		must(b, err)
	}
}

func BenchmarkFindSession(b *testing.B) {
	r := mustLarge(b)
	var keys []engine.SessionKey
	for i := range 1000 {
		k, _ := session("", "ag", engine.ModePerThread, "mg", fmt.Sprintf("t%d", i*7919%benchSessions)).Key()
		keys = append(keys, k)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, err := r.FindSession(b.Context(), keys[i%len(keys)])
		must(b, err)
	}
}

func BenchmarkSessionsPage(b *testing.B) {
	r := mustLarge(b)
	for name, f := range map[string]engine.SessionFilter{"all": {}, "group": {AgentGroupID: "ag"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := r.Sessions(b.Context(), engine.Page{Limit: 20}, f)
				must(b, err)
			}
		})
	}
}

func BenchmarkCreateSession(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			r := mustNew(b)
			var n atomic.Int64
			b.ReportAllocs()
			b.SetParallelism((callers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			if callers == 1 {
				for b.Loop() {
					i := n.Add(1)
					must(b, r.CreateSession(b.Context(), session(benchID(int(i)), "ag", engine.ModePerThread, "mg", fmt.Sprint(i))))
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					if err := r.CreateSession(b.Context(), session(benchID(int(i)), "ag", engine.ModePerThread, "mg", fmt.Sprint(i))); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
