package registry_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

// mustPlan returns how SQLite runs a statement.
func mustPlan(t *testing.T, c *sqlite3.Conn, sql string) string {
	t.Helper()
	var lines []string
	for _, row := range mustRows(t, c, "EXPLAIN QUERY PLAN "+sql) {
		lines = append(lines, strings.SplitN(row, " ", 4)[3])
	}
	return strings.Join(lines, "\n")
}

func TestNoListingScansOrSortsATable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	mustOpen(t, path)
	c := mustSQL(t, path)
	check := func(name, sql string, wants ...string) {
		t.Helper()
		plan := mustPlan(t, c, sql)
		if strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: %s\n%s", name, sql, plan)
		}
		for _, want := range wants {
			if !strings.Contains(plan, want) {
				t.Errorf("%s: no %q in\n%s", name, want, plan)
			}
		}
	}
	byState := "status=? AND container_status=? AND mode=?"
	for _, up := range []bool{false, true} {
		for _, f := range filters() {
			sql, args := registry.SessionsSQL(f)
			want := "INTEGER PRIMARY KEY (rowid"
			switch {
			case f.Mode == "NONE" || f.Status == "NONE" || slices.Contains(f.ContainerStatus, "NONE"):
			case f.MessagingGroupID != "":
				want = "INDEX sessions_by_messaging_group (messaging_group_id=? AND " + byState
			case f.AgentGroupID != "":
				want = "INDEX sessions_by_agent_group (agent_group_id=? AND " + byState
			case len(args) > 0:
				want = "INDEX sessions_by_state (" + byState
			}
			check("sessions", sql(up), want)
		}
		check("agent groups", registry.AgentGroupsSQL(up))
		check("operations", registry.OperationsSQL(up), "INTEGER PRIMARY KEY (rowid")
		check("an operation's items", registry.OperationItemsSQL(false)(up), "PRIMARY KEY (operation=? AND n")
		check("an operation's items of an outcome", registry.OperationItemsSQL(true)(up), "INDEX operation_items_by_outcome (operation=? AND outcome=? AND n")
		for _, channelType := range []string{"", "slack"} {
			sql, _ := registry.MessagingGroupsSQL(channelType)
			check("messaging groups", sql(up))
		}
	}
	check("stale sessions", registry.StaleSQL, "INDEX sessions_stale (id>?)")
	check("idle sessions", registry.IdleSQL, "INDEX sessions_by_activity (status=? AND active_at>? AND active_at<?)")
	check("sessions with files", registry.FilesSQL, "INDEX sessions_by_files (files_at<?)")
}

// A plan may be right and the merge still read too much: this counts.
func TestAPageCostsThePageWhateverTheFilter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	mustFill(t, mustOpen(t, path))
	c := mustSQL(t, path)
	must(t, c.Exec(`INSERT INTO sessions (id, agent_group_id, messaging_group_id, mode, status, container_status, labels, created_at)
		SELECT 'sess-' || value, 'ag', 'mg', 'SHARED', 'ACTIVE', iif(value % 1000 = 0, 'RUNNING', 'STOPPED'), '[]', 0 FROM generate_series(1, 10000)`))
	for _, f := range []engine.SessionFilter{
		{}, {AgentGroupID: "ag"}, {AgentGroupID: "other"}, {MessagingGroupID: "mg"}, {MessagingGroupID: "dm"},
		{Status: engine.SessionClosed}, {Mode: engine.ModePerThread}, {AgentGroupID: "ag", Status: engine.SessionClosed},
		{AgentGroupID: "ag", ContainerStatus: []engine.ContainerStatus{engine.ContainerRunning, engine.ContainerIdle}},
		{MessagingGroupID: "mg", AgentGroupID: "ag", Mode: engine.ModeAgentShared},
	} {
		for _, up := range []bool{false, true} {
			sql, args := registry.SessionsSQL(f)
			start := int64(math.MaxInt64)
			if up {
				start = 0
			}
			if steps := mustSteps(t, c, sql(up), start, 21, args); steps > 2000 {
				t.Errorf("%+v, up %v: %d steps for 20 of 10,000 sessions", f, up, steps)
			}
		}
	}
}

// mustSteps runs a statement and returns the steps that SQLite's machine took.
func mustSteps(t *testing.T, c *sqlite3.Conn, sql string, start int64, limit int, args []any) int {
	t.Helper()
	s, _, err := c.Prepare(sql)
	must(t, err)
	defer s.Close()
	must(t, s.BindInt64(1, start))
	must(t, s.BindInt(2, limit))
	for i, arg := range args {
		must(t, s.BindText(i+3, arg.(string)))
	}
	for s.Step() {
	}
	must(t, s.Err())
	return s.Status(sqlite3.STMTSTATUS_VM_STEP, false)
}
