package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

func hook(name string) engine.HookRecord {
	return engine.HookRecord{
		Name: name,
		HookSettings: engine.HookSettings{Enabled: true, Points: []engine.HookPoint{engine.HookOnMessage, engine.HookOnReply}, Order: -20,
			OnFailure: engine.HookSkip, Config: json.RawMessage(` { "a<b": [1.0, "\u00e9"] } `),
			Scope:  engine.HookScope{AgentGroupIDs: []string{"ag"}, Kinds: []string{"chat", "tâche"}},
			Limits: engine.HookLimits{Fuel: 1 << 40, MemoryBytes: 1 << 31, InputBytes: 1, OutputBytes: 2, LogBytes: 0, Instances: 3}},
		Versions: []engine.HookVersion{
			// The newest by the list, though the clock was set back.
			{SHA256: strings.Repeat("a", 64), Size: 32 << 20, InstalledAt: created.Add(-time.Hour), Shape: engine.HookScript, Handles: []engine.HookPoint{engine.HookOnMessage, engine.HookOnReply}},
			{SHA256: strings.Repeat("b", 64), Size: 8, InstalledAt: created, Active: true, Shape: engine.HookCommand, Handles: engine.HookPoints()},
		},
	}
}

func mustHooks(t *testing.T, r *registry.Registry, want ...engine.HookRecord) {
	t.Helper()
	got, err := r.Hooks(t.Context())
	must(t, err)
	if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("hooks are %+v, not %+v", got, want)
	}
}

func TestHooksAreListedByNameAndSurviveAReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	r := mustOpen(t, path)
	mustHooks(t, r)
	plain := engine.HookRecord{Name: "plain", HookSettings: engine.HookSettings{Points: []engine.HookPoint{}, OnFailure: engine.HookFail}}
	must(t, r.SaveHook(t.Context(), plain))
	must(t, r.SaveHook(t.Context(), hook("b")))
	must(t, r.SaveHook(t.Context(), hook("a")))
	mustClose(t, r)
	r = mustOpen(t, path)
	mustHooks(t, r, hook("a"), hook("b"), plain)
	must(t, r.RemoveHook(t.Context(), "a"))
	mustHooks(t, r, hook("b"), plain)
	wantCode(t, r.RemoveHook(t.Context(), "a"), engine.CodeNotFound)
}

func TestSavedHookReplacesItsRecordAndItsVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	r := mustOpen(t, path)
	must(t, r.SaveHook(t.Context(), hook("a")))
	h := hook("a")
	h.Enabled, h.Config, h.Scope = false, nil, engine.HookScope{}
	h.Versions = h.Versions[1:]
	must(t, r.SaveHook(t.Context(), h))
	mustHooks(t, r, h)
	must(t, r.RemoveHook(t.Context(), "a"))
	if rows := mustRows(t, mustSQL(t, path), "SELECT sha256 FROM hook_versions"); len(rows) != 0 {
		t.Errorf("versions %v outlive their hook", rows)
	}
}

func TestHookThatCannotBeSavedLeavesTheOldRecord(t *testing.T) {
	r := mustNew(t)
	must(t, r.SaveHook(t.Context(), hook("a")))
	h := hook("a")
	h.Enabled, h.Versions[0].Active = false, true
	if err := r.SaveHook(t.Context(), h); err == nil {
		t.Error("two versions are active at once")
	}
	mustHooks(t, r, hook("a"))
}

// What a hook did, redacting perhaps, is not left out because its row is bad:
// it cannot run, so its failure policy decides.
func TestDamagedHookIsReturnedEverywhereAndWithoutAVersion(t *testing.T) {
	for _, damage := range []string{
		`UPDATE hooks SET points = '["ON_MESSAGE"' WHERE name = 'b'`,
		`UPDATE hooks SET config = '{' WHERE name = 'b'`,
		`UPDATE hooks SET scope = '{"kinds":1}' WHERE name = 'b'`,
		`UPDATE hooks SET limits = '' WHERE name = 'b'`,
		`UPDATE hook_versions SET handles = x'ff' || '' WHERE hook = 'b' AND active = 0`,
	} {
		path := filepath.Join(t.TempDir(), "engine.db")
		var log bytes.Buffer
		r, err := registry.Open(t.Context(), path, registry.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		must(t, err)
		t.Cleanup(func() { mustClose(t, r) })
		must(t, r.SaveHook(t.Context(), hook("a")))
		must(t, r.SaveHook(t.Context(), hook("b")))
		must(t, mustSQL(t, path).Exec(damage))
		got, err := r.Hooks(t.Context())
		must(t, err)
		if len(got) != 2 || !reflect.DeepEqual(got[0], hook("a")) {
			t.Fatalf("%s: hooks are %+v", damage, got)
		}
		b := got[1]
		if b.Name != "b" || !b.Enabled || b.OnFailure != engine.HookSkip || len(b.Points) != 4 || !reflect.DeepEqual(b.Scope, engine.HookScope{}) ||
			b.Limits != engine.DefaultHookLimits() || b.Version().SHA256 != "" || len(b.Versions) != 2 {
			t.Errorf("%s: hook is %+v", damage, b)
		}
		if _, err := r.Hooks(t.Context()); err != nil || strings.Count(log.String(), "hook=b") != 1 {
			t.Errorf("%s: error %v, log %q", damage, err, log.String())
		}
		problems, err := r.Check(t.Context())
		must(t, err)
		if len(problems) != 1 || !strings.Contains(problems[0], "hook b ") {
			t.Errorf("%s: problems are %q", damage, problems)
		}
	}
}

func TestRegistryOfVersion1IsMigratedWithWhatItHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	first, err := os.ReadFile("migrations/0001_registry.sql")
	must(t, err)
	must(t, mustSQL(t, path).Exec(string(first)+`;
		INSERT INTO agent_groups (id, name, created_at) VALUES ('ag', 'Group', 1000);
		PRAGMA application_id = 1417101944; PRAGMA user_version = 1`))
	r := mustOpen(t, path)
	must(t, r.SaveHook(t.Context(), hook("a")))
	mustHooks(t, r, hook("a"))
	if g, err := r.AgentGroup(t.Context(), "ag"); err != nil || g.CreatedAt.UnixMilli() != 1000 {
		t.Errorf("%+v, %v", g, err)
	}
	migrations, err := filepath.Glob("migrations/*.sql")
	must(t, err)
	if rows := mustRows(t, mustSQL(t, path), "PRAGMA user_version"); rows[0] != fmt.Sprint(len(migrations)) {
		t.Errorf("version is %v", rows)
	}
}
