package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

func TestEmptyFileIsMigrated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	must(t, os.WriteFile(path, nil, 0o644))
	mustClose(t, mustFill(t, mustOpen(t, path)))
	c := mustSQL(t, path)
	migrations, err := os.ReadDir("migrations")
	must(t, err)
	for i, m := range migrations {
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(m.Name(), want) {
			t.Errorf("migration %s is not numbered %s", m.Name(), want)
		}
	}
	for sql, want := range map[string]string{
		"PRAGMA user_version":    fmt.Sprint(len(migrations)),
		"PRAGMA application_id":  "1417101944",
		"PRAGMA journal_mode":    "wal",
		"PRAGMA integrity_check": "ok",
	} {
		if got := mustRows(t, c, sql); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, not %s", sql, got, want)
		}
	}
}

func TestEachCommitIsSynced(t *testing.T) {
	r := mustNew(t)
	for pragma, want := range map[string]string{"synchronous": "2", "fullfsync": "1", "checkpoint_fullfsync": "1",
		"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000"} {
		writer, reader, err := r.Settings(t.Context(), pragma)
		must(t, err)
		if writer != want || reader != want {
			t.Errorf("%s is %s for writing and %s for reading, not %s", pragma, writer, reader, want)
		}
	}
}

func TestFilesAreForTheOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	check := func() {
		t.Helper()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			must(t, err)
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", info.Name(), info.Mode())
			}
		}
	}
	r := mustFill(t, mustOpen(t, path))
	check()
	mustClose(t, r)
	must(t, os.Chmod(path, 0o644))
	mustSession(t, mustOpen(t, path), "sess-1")
	check()
}

func TestReopenKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "link.db")
	must(t, os.Symlink(filepath.Join(t.TempDir(), "engine.db"), path))
	if _, err := registry.Open(t.Context(), path+"/none/engine.db", registry.Options{}); err == nil {
		t.Fatal("opened a registry in a folder that does not exist")
	}
	r := mustFill(t, mustOpen(t, path))
	want := session("sess-1", "ag", engine.ModePerThread, "mg", "t\x001")
	want.Labels = []string{"a", `b"c`}
	must(t, r.CreateSession(t.Context(), want))
	r.Touch("sess-1", created)
	want.LastActive = &created
	_, err := r.SetDestination(t.Context(), engine.Destination{AgentGroupID: "ag", Name: "d", MessagingGroup: &engine.MessagingGroup{ID: "dm"}})
	must(t, err)
	mustClose(t, r)
	r = mustOpen(t, path)
	got, err := r.Session(t.Context(), "sess-1")
	must(t, err)
	if want = want.WithShown(); !reflect.DeepEqual(got, want) {
		t.Errorf("session is %+v, not %+v", got, want)
	}
	ds, err := r.Destinations(t.Context(), "ag")
	must(t, err)
	stale, err := r.StaleSessions(t.Context(), "", "", 10)
	must(t, err)
	g, err := r.AgentGroup(t.Context(), "other")
	must(t, err)
	if len(ds) != 1 || ds[0].MessagingGroup.PlatformID != "C-dm" || len(stale) != 1 || g != (engine.AgentGroup{ID: "other", Name: "Group other", CreatedAt: created}) {
		t.Errorf("destinations %+v, stale %+v, group %+v", ds, stale, g)
	}
}

func TestFilesThatAreNotOurRegistryAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, path string)
		want   string
	}{
		"newer version": {func(t *testing.T, path string) {
			must(t, mustSQL(t, path).Exec("PRAGMA user_version = 99"))
		}, "newer version"},
		"another program's": {func(t *testing.T, path string) {
			must(t, mustSQL(t, path).Exec("PRAGMA application_id = 7"))
		}, "another program"},
		"not a database": {func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("not a database. ", 512)), 0o600))
		}, "damaged"},
		"cut short": {func(t *testing.T, path string) {
			must(t, os.Truncate(path, 8192))
		}, "damaged"},
		"schema overwritten": {func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			_, err = f.WriteAt([]byte(strings.Repeat("\xff", 3000)), 100)
			must(t, errors.Join(err, f.Close()))
		}, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "engine.db")
			mustClose(t, mustFill(t, mustOpen(t, path)))
			c.damage(t, path)
			before, err := os.ReadFile(path)
			must(t, err)
			_, err = registry.Open(t.Context(), path, registry.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error is %v", err)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestSomethingElseThanAFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.db")
	must(t, os.Mkdir(path, 0o700))
	if _, err := registry.Open(t.Context(), path, registry.Options{}); err == nil {
		t.Error("opened a folder")
	}
	if _, err := registry.Open(t.Context(), os.DevNull, registry.Options{}); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("error is %v", err)
	}
}

func TestClosedRegistryIsUnavailable(t *testing.T) {
	r := mustNew(t)
	mustClose(t, r)
	mustClose(t, r)
	_, err := r.Session(t.Context(), "sess-1")
	wantCode(t, err, engine.CodeUnavailable)
	wantCode(t, r.CreateAgentGroup(t.Context(), engine.AgentGroup{ID: "late"}), engine.CodeUnavailable)
	r.Touch("sess-1", created)
}

func TestEndedContextWritesNothing(t *testing.T) {
	r := mustNew(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.CreateAgentGroup(ctx, engine.AgentGroup{ID: "late", Name: "late", CreatedAt: created})
	wantCode(t, err, engine.CodeUnavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is lost: %v", err)
	}
	_, err = r.AgentGroup(t.Context(), "late")
	wantCode(t, err, engine.CodeNotFound)
	_, err = r.AgentGroup(ctx, "ag")
	wantCode(t, err, engine.CodeUnavailable)
	_, err = r.Sessions(ctx, engine.Page{Limit: 1}, engine.SessionFilter{})
	wantCode(t, err, engine.CodeUnavailable)
	// The connections that met it serve others.
	for range 16 {
		_, err = r.Sessions(t.Context(), engine.Page{Limit: 1}, engine.SessionFilter{})
		must(t, err)
	}
}
