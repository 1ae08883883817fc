// Package foreigntest runs tests/foreign: a container, or another host, with a
// SQLite that is not ours, in a process of its own.
package foreigntest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/program"
)

var binary = sync.OnceValues(func() (string, error) { return program.Build("tests/foreign") })

// Run carries out one command of tests/foreign on a session's folder and
// returns what it printed.
func Run(t testing.TB, command, folder string, args ...string) string {
	t.Helper()
	cmd := newCommand(t, command, folder, args)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("foreign %s: %v\n%s", command, err, stderr.String())
	}
	return out.String()
}

// Message is a row of messages_in as a container sees it.
type Message struct {
	ID              string  `json:"id"`
	Seq             int64   `json:"seq"`
	Kind            string  `json:"kind"`
	Timestamp       string  `json:"timestamp"`
	Status          string  `json:"status"`
	ProcessAfter    *string `json:"process_after"`
	Recurrence      *string `json:"recurrence"`
	SeriesID        *string `json:"series_id"`
	Tries           int     `json:"tries"`
	Trigger         int     `json:"trigger"`
	PlatformID      *string `json:"platform_id"`
	ChannelType     *string `json:"channel_type"`
	ThreadID        *string `json:"thread_id"`
	Content         string  `json:"content"`
	SourceSessionID *string `json:"source_session_id"`
	OnWake          int     `json:"on_wake"`
}

// Poll is what a container would work on next.
func Poll(t testing.TB, folder string, args ...string) []Message {
	t.Helper()
	return lines[Message](t, Run(t, "poll", folder, args...))
}

// Rows are all rows of a table, each column under its name.
func Rows(t testing.TB, folder, database, table string) []map[string]any {
	t.Helper()
	return lines[map[string]any](t, Run(t, "rows", folder, database, table))
}

// Report is what a check found in one database.
type Report struct {
	Integrity   string `json:"integrity"`
	JournalMode string `json:"journalMode"`
	Rows        int    `json:"rows"`
	// WrongParity counts rows whose seq is the other side's, or none.
	WrongParity int `json:"wrongParity"`
	// Duplicates counts rows whose seq another row has.
	Duplicates int `json:"duplicates"`
}

// Check looks at both databases of a folder.
func Check(t testing.TB, folder string) (inbound, outbound Report) {
	t.Helper()
	var r struct{ Inbound, Outbound Report }
	if err := json.Unmarshal([]byte(Run(t, "check", folder)), &r); err != nil {
		t.Fatal(err)
	}
	return r.Inbound, r.Outbound
}

// Hold starts a command that takes hold of a database, and returns when it
// has. It lets go when release is called, or when the test ends.
func Hold(t testing.TB, command, folder string, args ...string) (release func()) {
	t.Helper()
	cmd := newCommand(t, command, folder, args)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	t.Cleanup(release)
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("foreign %s: %v", command, err)
	}
	return release
}

// KillMidWrite lets a process begin a large transaction on outbound.db, or on
// another database, and die of SIGKILL, so that a hot journal stays behind.
func KillMidWrite(t testing.TB, folder string, database ...string) {
	t.Helper()
	cmd := newCommand(t, "kill-mid-write", folder, database)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil || line != "hot\n" {
		t.Fatalf("foreign kill-mid-write said %q: %v", line, err)
	}
}

// Binary is the path of tests/foreign, built for this test.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func newCommand(t testing.TB, command, folder string, args []string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), Binary(t), append([]string{command, folder}, args...)...)
}

func lines[T any](t testing.TB, text string) []T {
	t.Helper()
	var all []T
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var v T
		switch err := d.Decode(&v); err {
		case nil:
			all = append(all, v)
		case io.EOF:
			return all
		default:
			t.Fatalf("%v in %s", err, text)
		}
	}
}
