package registry_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

var created = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func mustOpen(t testing.TB, path string) *registry.Registry {
	t.Helper()
	r, err := registry.Open(t.Context(), path, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, r) })
	return r
}

func mustClose(t testing.TB, r *registry.Registry) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// mustNew returns a registry with the agent groups "ag" and "other" and the
// messaging groups "mg" and "dm".
func mustNew(t testing.TB) *registry.Registry {
	t.Helper()
	return mustFill(t, mustOpen(t, filepath.Join(t.TempDir(), "engine.db")))
}

func mustFill(t testing.TB, r *registry.Registry) *registry.Registry {
	t.Helper()
	for _, id := range []string{"ag", "other"} {
		must(t, r.CreateAgentGroup(t.Context(), engine.AgentGroup{ID: id, Name: "Group " + id, CreatedAt: created}))
	}
	for _, id := range []string{"mg", "dm"} {
		_, _, err := r.EnsureMessagingGroup(t.Context(), engine.MessagingGroup{ID: id, ChannelType: "slack", PlatformID: "C-" + id, CreatedAt: created})
		must(t, err)
	}
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func session(id, agentGroup string, mode engine.SessionMode, chat, thread string) engine.Session {
	s := engine.Session{ID: id, AgentGroupID: agentGroup, Mode: mode, Status: engine.SessionActive,
		ContainerStatus: engine.ContainerStopped, Labels: []string{}, CreatedAt: created}
	if chat != "" {
		s.MessagingGroupID = &chat
	}
	if thread != "" {
		s.ThreadID = &thread
	}
	return s
}

// mustSession creates a session that has nothing to be found by.
func mustSession(t testing.TB, r *registry.Registry, id string) engine.Session {
	t.Helper()
	s := session(id, "ag", engine.ModeShared, "", "")
	must(t, r.CreateSession(t.Context(), s))
	return s
}

func wantCode(t testing.TB, err error, code engine.Code, field ...string) {
	t.Helper()
	if got := engine.CodeOf(err); got != code {
		t.Fatalf("code is %q, not %q: %v", got, code, err)
	}
	var got []string
	if e, ok := err.(*engine.Error); ok {
		got = e.Field
	}
	if fmt.Sprint(got) != fmt.Sprint(field) {
		t.Fatalf("field is %v, not %v: %v", got, field, err)
	}
}

// mustSQL opens a database file as any other program would.
func mustSQL(t testing.TB, path string) *sqlite3.Conn {
	t.Helper()
	c, err := sqlite3.Open(path)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

// mustRows returns a query's answer, the columns of a row joined by spaces.
func mustRows(t testing.TB, c *sqlite3.Conn, sql string) (rows []string) {
	t.Helper()
	s, _, err := c.Prepare(sql)
	must(t, err)
	defer s.Close()
	for s.Step() {
		row := ""
		for i := range s.ColumnCount() {
			if i > 0 {
				row += " "
			}
			row += s.ColumnText(i)
		}
		rows = append(rows, row)
	}
	must(t, s.Err())
	return rows
}
