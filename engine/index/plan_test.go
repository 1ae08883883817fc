package index_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/index"
)

func TestNoSearchScansOrSorts(t *testing.T) {
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"))
	failed := []engine.DeliveryStatus{engine.DeliveryFailed, engine.DeliveryUnknown}
	check := func(sql, want string) {
		t.Helper()
		plan, err := x.Plan(t.Context(), sql)
		must(t, err)
		bare := strings.ReplaceAll(plan, "SCAN texts VIRTUAL TABLE INDEX", "") // FTS5's word for a search
		if strings.Contains(bare, "SCAN") || strings.Contains(bare, "TEMP B-TREE") || !strings.Contains(plan, want) {
			t.Errorf("no %q, or a scan or sort, in the plan of\n%s\n%s", want, sql, plan)
		}
	}
	times := engine.SearchFilter{Since: &noon, Until: &noon}
	for _, c := range []struct {
		f    engine.SearchFilter
		want string
	}{
		{engine.SearchFilter{}, "INTEGER PRIMARY KEY (rowid<?)"},
		{times, "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		{engine.SearchFilter{Kind: "chat", Direction: engine.DirectionIn}, "INTEGER PRIMARY KEY (rowid<?)"},
		{engine.SearchFilter{SessionID: "sess-1", AgentGroupID: "ag"}, "mail_by_session (s=? AND n<?)"},
		{engine.SearchFilter{AgentGroupID: "ag", ChannelType: "slack"}, "mail_by_agent_group (agent_group_id=? AND n<?)"},
		{engine.SearchFilter{ChannelType: "slack"}, "mail_by_channel (channel_type=? AND n<?)"},
		{engine.SearchFilter{DeliveryStatus: failed}, "mail_by_status (direction=? AND status=? AND n<?)"},
		{engine.SearchFilter{DeliveryStatus: failed, ChannelType: "slack"}, "mail_by_status (direction=? AND status=? AND n<?)"},
		{engine.SearchFilter{Waiting: true}, "mail_by_status (direction=? AND status=? AND n<?)"},
		{engine.SearchFilter{Text: "word", AgentGroupID: "ag"}, "SCAN texts VIRTUAL TABLE INDEX 192:M"},
	} {
		sql, err := x.SearchSQL(t.Context(), c.f)
		must(t, err)
		check(sql, c.want)
	}
	// Few rows have the same id, so they may be sorted.
	sql, err := x.SearchSQL(t.Context(), engine.SearchFilter{ID: "m1"})
	must(t, err)
	plan, err := x.Plan(t.Context(), sql)
	must(t, err)
	if strings.Contains(plan, "SCAN") || !strings.Contains(plan, "mail_by_id (id=?)") {
		t.Errorf("an id is looked for by\n%s", plan)
	}
	check(index.CountSQL(engine.SearchFilter{DeliveryStatus: failed, Since: &noon}), "mail_by_status (direction=? AND status=? AND n>?)")
	check(index.CountSQL(engine.SearchFilter{Waiting: true}), "mail_waiting (waits_from<?)")
	check(index.AnswersSQL, "mail_by_message (s=? AND in_reply_to=? AND (seq,id)>(?,?))")
	check(index.OwedSQL, "sessions_owed (id>?)")
	check(index.UnendedSQL, "mail_unended (s=? AND n>?)")
}
