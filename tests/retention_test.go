package tests_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// engineCLI runs a client command and returns what it printed, and its exit code.
func engineCLI(t *testing.T, e *engineproc.Process, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := engineproc.Command(t, args...)
	c.Env = append(c.Env, "ENGINE_URL="+e.URL, "ENGINE_TOKEN="+e.Token)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	_ = c.Run() // its exit code says
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

type retentionSteps struct {
	Steps []struct {
		Action, SessionID string
		Archive, Problem  *string
	}
}

func mustSteps(t *testing.T, e *engineproc.Process, args ...string) (all []string) {
	t.Helper()
	out, errs, code := engineCLI(t, e, append([]string{"retention", "-o", "json"}, args...)...)
	if code != 0 {
		t.Fatalf("retention %q: %d\n%s%s", args, code, out, errs)
	}
	var r retentionSteps
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Steps {
		all = append(all, s.Action+" "+s.SessionID)
	}
	return all
}

// age makes of a stopped engine's sessions old ones.
func age(t *testing.T, data string, folders ...string) {
	t.Helper()
	foreign.Run(t, "exec", data, "engine", `UPDATE sessions SET created_at = 1000, last_active = NULL, active_at = 0, files_at = 0`)
	old := time.Now().Add(-time.Hour)
	for _, f := range folders {
		must(t, os.Chtimes(filepath.Join(f, "outbound.db"), old, old))
	}
}

func TestRetentionClosesArchivesAndRestores(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	data := s.dataOf()
	s.write(t, "m1", "hello")
	foreign.Run(t, "exec", s.folder, "outbound", `INSERT INTO processing_ack VALUES ('m1', 'completed', datetime('now', '-1 hour'))`)
	until(t, "the acknowledgement to be copied", func() bool {
		return foreign.Rows(t, s.folder, "inbound", "messages_in")[0]["status"] == "completed"
	})
	e := s.engine
	if got := mustSteps(t, e); len(got) > 0 {
		t.Errorf("without a policy: %q", got)
	}
	if _, errs, code := engineCLI(t, e, "retention"); code != 0 || !strings.Contains(errs, "keeps everything") {
		t.Errorf("without a policy: %d %s", code, errs)
	}
	must(t, e.Stop())
	age(t, data, s.folder)
	e = engineproc.Start(t, data, "--close-idle-after", "2m")
	if got := mustSteps(t, e, "--dry-run"); len(got) != 1 || got[0] != "CLOSE "+s.id {
		t.Errorf("planned: %q", got)
	}
	if got := mustSteps(t, e); len(got) != 1 || got[0] != "CLOSE "+s.id {
		t.Errorf("done: %q", got)
	}
	if got := mustSteps(t, e); len(got) > 0 {
		t.Errorf("again: %q", got)
	}
	must(t, e.Stop())
	age(t, data)
	e = engineproc.Start(t, data, "--archive-after", "2m", "--retention-every", "1s")
	archive := filepath.Join(data, "archives", s.id+".tar")
	until(t, "the engine to archive it by itself", func() bool {
		_, gone := os.Stat(s.folder)
		_, err := os.Stat(archive)
		return os.IsNotExist(gone) && err == nil
	})
	if out, _, code := engineCLI(t, e, "session", "show", s.id); code != 3 {
		t.Errorf("an archived session is shown: %s", out)
	}
	must(t, e.Stop())
	if found, code := doctor(t, data); code != healthy {
		t.Errorf("doctor: %+v", found)
	}
	e = engineproc.Start(t, data)
	if out, errs, code := engineCLI(t, e, "session", "restore", archive, "-o", "json"); code != 0 || !strings.Contains(out, `"ACTIVE"`) {
		t.Fatalf("restore: %d\n%s%s", code, out, errs)
	}
	if _, errs, code := engineCLI(t, e, "session", "restore", s.id); code != 4 {
		t.Errorf("restored twice: %d %s", code, errs)
	}
	if out, _, code := engineCLI(t, e, "message", "show", s.id, "m1"); code != 0 || !strings.Contains(out, "hello") {
		t.Errorf("its message: %d %s", code, out)
	}
	out, _, _ := engineCLI(t, e, "events", "--after", "0", "--follow=false", "-o", "ndjson")
	for _, want := range []string{"SESSION_CLOSED", "SESSION_ARCHIVED", "SESSION_RESTORED"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s among the events", want)
		}
	}
	must(t, e.Stop())
	if found, code := doctor(t, data); code != healthy {
		t.Errorf("doctor: %+v", found)
	}
}

// Kills fall anywhere into archiving: of each session there is the folder or
// the archive, and in the end the archive, from which it comes back.
func TestKillsWhileSessionsAreArchivedLoseNone(t *testing.T) {
	t.Parallel()
	const sessions = 24
	data := t.TempDir()
	e := engineproc.Start(t, data)
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	folders := map[string]string{}
	for i := range sessions {
		id, folder, err := resolve(e, room, fmt.Sprint("thread-", i))
		must(t, err)
		folders[id] = filepath.Join(data, folder)
		s := session{engine: e, id: id, folder: folders[id]}
		s.write(t, "m", strings.Repeat("x", 10_000))
		e.MustQuery(t, `mutation($id: ID!) { closeSession(input: {sessionId: $id}) { userErrors { message } } }`, map[string]any{"id": id}, nil)
	}
	must(t, e.Stop())
	age(t, data)
	archives := func() int {
		all, err := filepath.Glob(filepath.Join(data, "archives", "*.tar"))
		must(t, err)
		return len(all)
	}
	for n := 1; n < sessions; n += 5 {
		e = engineproc.Start(t, data, "--archive-after", "2m", "--retention-every", "1s")
		until(t, "some archives", func() bool { return archives() >= n })
		must(t, e.Kill())
		for id, folder := range folders {
			_, err := os.Stat(filepath.Join(folder, "inbound.db"))
			if _, aerr := os.Stat(filepath.Join(data, "archives", id+".tar")); err != nil && aerr != nil {
				t.Fatalf("%s has neither folder nor archive: %v, %v", id, err, aerr)
			}
		}
	}
	e = engineproc.Start(t, data, "--archive-after", "2m", "--retention-every", "1s")
	until(t, "all archives, and no folder", func() bool {
		left, err := filepath.Glob(filepath.Join(data, "v2-sessions", "*", "sess-*"))
		must(t, err)
		return archives() == sessions && len(left) == 0
	})
	must(t, e.Stop())
	if found, code := doctor(t, data, "--repair"); code != healthy {
		t.Errorf("doctor: %+v", found)
	}
	e = engineproc.Start(t, data)
	for id := range folders {
		if _, errs, code := engineCLI(t, e, "session", "restore", id); code != 0 {
			t.Fatalf("restore %s: %s", id, errs)
		}
		if rows := foreign.Rows(t, folders[id], "inbound", "messages_in"); len(rows) != 1 {
			t.Errorf("%s has %d messages", id, len(rows))
		}
	}
}
