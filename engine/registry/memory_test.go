package registry_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
)

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Nothing is kept for a session but what Touch noted, until it is written, and
// the thousand that were read last.
func TestIdleSessionsTakeNoMemory(t *testing.T) {
	const count = 20_000
	path := filepath.Join(t.TempDir(), "engine.db")
	r := mustFill(t, mustOpen(t, path))
	c := mustSQL(t, path)
	must(t, c.Exec(fmt.Sprintf(`INSERT INTO sessions (id, agent_group_id, mode, status, container_status, labels, created_at)
		SELECT 'sess-' || value, 'ag', 'SHARED', 'ACTIVE', 'STOPPED', '[]', 0 FROM generate_series(1, %d)`, count)))
	walk(t, r, sessions(engine.SessionFilter{Status: engine.SessionActive}), 100, false)
	before := heap()
	for i := range count {
		id := fmt.Sprintf("sess-%d", i+1)
		_, err := r.Session(t.Context(), id)
		must(t, err)
		r.Touch(id, created)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for mustRows(t, c, "SELECT count(*) FROM sessions WHERE last_active IS NOT NULL")[0] != fmt.Sprint(count) {
		must(t, ctx.Err())
	}
	// A string and a time for each would be 1.6 MB. What was written last is
	// let go of at the end of the next flush.
	for heap() > before+1<<20 {
		must(t, ctx.Err())
	}
	runtime.KeepAlive(r)
}
