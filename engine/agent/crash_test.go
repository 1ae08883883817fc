package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/twinbox/twinbox/engine/agent"
)

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o600) }

func TestPredecessorsClaimsAreDoneAgain(t *testing.T) {
	f := newFolder(t)
	f.once("true")
	f.message("m")
	f.exec("outbound.db", `INSERT INTO processing_ack VALUES ('m', 'processing', '2026-01-01 00:00:00'), ('unknown', 'processing', '2026-01-01 00:00:00')`)
	f.write("half", "outbox", ".reply-1", "half.txt")
	f.write("half", "outbox", "reply-2", "half.txt")
	f.write("theirs", "outbox", "out-3", "theirs.txt")
	f.exec("outbound.db", `INSERT INTO messages_out (id, timestamp, kind, content) VALUES ('reply-4', '2026-01-01 00:00:00', 'chat', '{}')`)
	f.write("ours", "outbox", "reply-4", "ours.txt")
	f.once("cat")
	equal(t, "acks", f.acks(), "m|completed")
	for name, want := range map[string]bool{".reply-1": false, "reply-2": false, "out-3": true, "reply-4": true} {
		if f.exists("outbox", name) != want {
			t.Errorf("outbox/%s exists: %v", name, !want)
		}
	}
}

func TestKilledAgentsWorkIsDoneAgainOnce(t *testing.T) {
	f := newFolder(t)
	f.message("context", "trigger", 0)
	f.message("m")
	command := []string{"sh", "-c", `cat > "$TWINBOX_OUTBOX/input"
		if [ ! -e "$TWINBOX_WORKSPACE/began" ]; then echo $$ > "$TWINBOX_WORKSPACE/pid"; mv "$TWINBOX_WORKSPACE/pid" "$TWINBOX_WORKSPACE/began"; exec sleep 1000; fi
		echo done`}
	c, _ := process(t, f, agent.Config{Command: command})
	eventually(t, "the command runs", func() bool { return f.exists("began") })
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	pid, err := os.ReadFile(f.path("began"))
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := strconv.Atoi(strings.TrimSpace(string(pid)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(orphan, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	equal(t, "acks after the kill", f.acks(), "context|processing\nm|processing")
	f.once(command...)
	f.once(command...)
	equal(t, "replies", f.replies(), `5|m|{"text":"done","files":["input"]}`)
	equal(t, "acks", f.acks(), "context|completed\nm|completed")
	input, err := filepath.Glob(f.path("outbox", "*", "input"))
	if err != nil || len(input) != 1 {
		t.Fatalf("outbox holds %v %v", input, err)
	}
	got, err := os.ReadFile(input[0])
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "input", string(got), "Earlier messages:\n\ncontext\n\nMessage:\n\nm\n")
}

// Lesson 15: three processes in one container took the same seq.
func TestThreeAgentsAtOnceShareTheWork(t *testing.T) {
	f := newFolder(t)
	var all []*buffer
	for range 3 {
		_, logs := process(t, f, agent.Config{Command: []string{"cat"}})
		eventually(t, "the agent is ready", func() bool { return strings.Contains(logs.String(), "msg=ready") })
		all = append(all, logs)
	}
	const messages = 45
	for i := range messages {
		f.message(fmt.Sprintf("m%02d", i))
	}
	eventually(t, "all are done", func() bool {
		return f.rows("outbound.db", `SELECT count(*) FROM processing_ack WHERE status = 'completed'`) == strconv.Itoa(messages)
	})
	equal(t, "replies, messages answered, numbers, even numbers", f.rows("outbound.db",
		`SELECT count(*), count(DISTINCT in_reply_to), count(DISTINCT seq), sum(seq % 2 = 0) FROM messages_out`), "45|45|45|0")
	equal(t, "replies that are numbered below their message", f.rows("outbound.db",
		`SELECT count(*) FROM messages_out WHERE seq < 2 * (1 + CAST(substr(in_reply_to, 2) AS INTEGER))`), "0")
	equal(t, "integrity", f.rows("outbound.db", `PRAGMA integrity_check`), "ok")
	for _, logs := range all {
		if strings.Contains(logs.String(), "level=WARN") {
			t.Errorf("an agent failed to write at once: %s", logs)
		}
	}
}

func TestMessageThatSomebodyElseSettledGetsNoSecondReply(t *testing.T) {
	f := newFolder(t)
	f.message("m")
	r := f.start(agent.Config{Command: []string{"sh", "-c",
		`echo x > "$TWINBOX_OUTBOX/x"; while [ ! -e "$TWINBOX_WORKSPACE/go" ]; do sleep 0.01; done; echo second`}})
	f.eventuallyAck("m", "processing")
	f.exec("outbound.db", `UPDATE processing_ack SET status = 'completed'`)
	f.write("", "go")
	eventually(t, "the reply is dropped", func() bool { return strings.Contains(r.logs.String(), "the reply is dropped") })
	if err := r.wait(); err != nil {
		t.Fatal(err)
	}
	equal(t, "replies", f.replies(), "")
	if entries, err := os.ReadDir(f.path("outbox")); err != nil || len(entries) != 0 {
		t.Errorf("outbox holds %v %v", entries, err)
	}
}

// Lesson 13: a hot journal stopped read-only opens.
func TestHotJournalIsReportedOnceAndWaitedFor(t *testing.T) {
	f := newFolder(t)
	for i := range 50 {
		f.message(fmt.Sprintf("old-%d", i), "status", "completed", "content", strings.Repeat("x", 4000))
	}
	f.message("m")
	killWriter(t, f)
	r := f.start(agent.Config{Command: []string{"cat"}})
	eventually(t, "it was tried again", func() bool { return strings.Count(r.logs.String(), "still cannot be used") == 2 })
	if !strings.Contains(r.logs.String(), "only the engine may roll it back") {
		t.Error("the journal is not named")
	}
	equal(t, "acks", f.acks(), "")
	// Any writer that reads the database rolls it back.
	f.rows("inbound.db", `SELECT count(*) FROM messages_in`)
	f.eventuallyAck("m", "completed")
	if n := strings.Count(r.logs.String(), "cannot be used; waiting"); n != 1 {
		t.Errorf("reported %d times", n)
	}
}

// killWriter leaves inbound.db as a writer does that is killed in the middle
// of a transaction: half written, its journal beside it.
func killWriter(t *testing.T, f *folder) {
	t.Helper()
	db := f.open("inbound.db")
	defer db.Close()
	for _, q := range []string{`PRAGMA cache_size = 2`, `BEGIN`, `UPDATE messages_in SET content = replace(content, 'x', 'y')`} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string][]byte{}
	for _, name := range []string{"inbound.db", "inbound.db-journal"} {
		data, err := os.ReadFile(f.path(name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	if _, err := db.Exec(`ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for name, data := range files {
		f.write(string(data), name)
	}
}

// Lesson 12: a reader saw "malformed" for a moment.
func TestUnreadableMailboxIsWaitedFor(t *testing.T) {
	for _, test := range []struct{ name, garbage string }{
		{"not a database", strings.Repeat("garbage ", 1000)},
		{"damaged", "SQLite format 3\x00\x10\x00\x01\x01\x00\x40\x20\x20" + strings.Repeat("\xff", 8192)},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFolder(t)
			f.message("m")
			whole, err := os.ReadFile(f.path("inbound.db"))
			if err != nil {
				t.Fatal(err)
			}
			f.write(test.garbage, "inbound.db")
			if _, err := f.try(agent.Config{Command: []string{"cat"}, Once: true}); err == nil {
				t.Error("no error from a single look")
			}
			r := f.start(agent.Config{Command: []string{"cat"}})
			eventually(t, "it is reported", func() bool { return strings.Contains(r.logs.String(), "cannot be used; waiting") })
			if now, err := os.ReadFile(f.path("inbound.db")); err != nil || !bytes.Equal(now, []byte(test.garbage)) {
				t.Errorf("inbound.db was written: %v", err)
			}
			f.write(string(whole), "inbound.db")
			f.eventuallyAck("m", "completed")
		})
	}
}

func TestLinksInTheFolderAreNotFollowed(t *testing.T) {
	outside := t.TempDir()
	for _, test := range []struct {
		name     string
		plant    func(f *folder) error
		answered bool
	}{
		{"heartbeat is a link", func(f *folder) error { return os.Symlink(filepath.Join(outside, "file"), f.path(".heartbeat")) }, true},
		{"heartbeat is a link to nothing", func(f *folder) error { return os.Symlink(filepath.Join(outside, "none"), f.path(".heartbeat")) }, true},
		{"heartbeat is a link within", func(f *folder) error { return os.Symlink("inbound.db", f.path(".heartbeat")) }, true},
		{"heartbeat has a second name", func(f *folder) error { return os.Link(filepath.Join(outside, "file"), f.path(".heartbeat")) }, true},
		{"heartbeat is a FIFO", func(f *folder) error { return mkfifo(f.path(".heartbeat")) }, true},
		{"heartbeat is a directory", func(f *folder) error { return os.Mkdir(f.path(".heartbeat"), 0o755) }, true},
		{"outbox is a link", func(f *folder) error { return os.Symlink(outside, f.path("outbox")) }, false},
		{"outbox is a link within", func(f *folder) error { return os.Symlink(".", f.path("outbox")) }, false},
		{"outbox is a FIFO", func(f *folder) error { return mkfifo(f.path("outbox")) }, false},
		{"outbox is a file", func(f *folder) error { return os.WriteFile(f.path("outbox"), nil, 0o644) }, false},
		{"outbound.db is a link", func(f *folder) error { return os.Symlink(filepath.Join(outside, "file"), f.path("outbound.db")) }, false},
		{"outbound.db is a FIFO", func(f *folder) error { return mkfifo(f.path("outbound.db")) }, false},
		{"inbound.db is a FIFO", func(f *folder) error {
			return errors.Join(os.Remove(f.path("inbound.db")), mkfifo(f.path("inbound.db")))
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(outside, "file"), []byte("untouched"), 0o644); err != nil {
				t.Fatal(err)
			}
			f := newFolder(t)
			f.message("m")
			if err := test.plant(f); err != nil {
				t.Fatal(err)
			}
			logs, err := f.try(agent.Config{Command: []string{"sh", "-c", `cat; echo x > "$TWINBOX_OUTBOX/x"`}, Once: true})
			if answered := err == nil; answered != test.answered {
				t.Errorf("error %v\n%s", err, logs)
			}
			if test.answered && !strings.Contains(logs, "the heartbeat cannot be touched") {
				t.Errorf("not reported: %s", logs)
			}
			entries, err := os.ReadDir(outside)
			if err != nil || len(entries) != 1 {
				t.Errorf("outside holds %v %v", entries, err)
			}
			if data, err := os.ReadFile(filepath.Join(outside, "file")); err != nil || string(data) != "untouched" {
				t.Errorf("outside file: %q %v", data, err)
			}
			if test.answered {
				equal(t, "integrity", f.rows("inbound.db", `PRAGMA integrity_check`), "ok")
			}
		})
	}
}
