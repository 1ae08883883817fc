package tests_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

type finding struct {
	Session, File, Problem, Advice string
	Repaired                       bool
}

const (
	healthy   = 0
	inUse     = 9
	unhealthy = 10
)

// doctor checks a data directory and returns what was found, and the exit code.
func doctor(t *testing.T, data string, args ...string) (findings []finding, code int) {
	t.Helper()
	c := engineproc.Command(t, append([]string{"doctor", "--data", data, "-o", "json"}, args...)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.ExitCode() != unhealthy && exit.ExitCode() != inUse {
			t.Fatalf("doctor: %v\n%s", err, &stderr)
		}
		code = exit.ExitCode()
	}
	if code != inUse {
		if err := json.Unmarshal(stdout.Bytes(), &findings); err != nil {
			t.Fatalf("doctor: %v\n%s", err, &stdout)
		}
	}
	return findings, code
}

func unrepaired(all []finding) (left []finding) {
	for _, f := range all {
		if !f.Repaired {
			left = append(left, f)
		}
	}
	return left
}

// dataOf is the data directory that a session is in.
func (s session) dataOf() string { return filepath.Join(s.folder, "..", "..", "..") }

// stopped is a session with one message and its attachment, whose engine ended.
func stopped(t *testing.T) session {
	t.Helper()
	s := newSession(t)
	s.write(t, "m1", map[string]any{"text": "look", "attachments": []any{
		map[string]any{"name": "a.txt", "data": base64.StdEncoding.EncodeToString([]byte("a"))}}})
	if err := s.engine.Stop(); err != nil {
		t.Fatal(err)
	}
	return s
}

// copied is the same session in a copy of the data directory.
func (s session) copied(t *testing.T) session {
	t.Helper()
	data := t.TempDir()
	if err := os.CopyFS(data, os.DirFS(s.dataOf())); err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Rel(s.dataOf(), s.folder)
	if err != nil {
		t.Fatal(err)
	}
	s.folder = filepath.Join(data, folder)
	return s
}

func (s session) path(names ...string) string {
	return filepath.Join(append([]string{s.folder}, names...)...)
}

// inbound and outbound are faults that SQL can plant.
func inbound(sql string) func(*testing.T, session) {
	return func(t *testing.T, s session) { foreign.Run(t, "exec", s.folder, "inbound", sql) }
}

func outbound(sql string) func(*testing.T, session) {
	return func(t *testing.T, s session) { foreign.Run(t, "exec", s.folder, "outbound", sql) }
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func remove(names ...string) func(*testing.T, session) {
	return func(t *testing.T, s session) { must(t, os.RemoveAll(s.path(names...))) }
}

func link(to string, names ...string) func(*testing.T, session) {
	return func(t *testing.T, s session) {
		must(t, os.RemoveAll(s.path(names...)), os.Symlink(to, s.path(names...)))
	}
}

func file(text string, names ...string) func(*testing.T, session) {
	return func(t *testing.T, s session) {
		must(t, os.MkdirAll(filepath.Dir(s.path(names...)), 0o770), os.RemoveAll(s.path(names...)), os.WriteFile(s.path(names...), []byte(text), 0o660))
	}
}

// own are the engine's tables that few sessions have.
var own = map[string]string{
	"series": `CREATE TABLE engine_series (message_id TEXT PRIMARY KEY, time_zone TEXT, missed_runs TEXT NOT NULL, scheduled_at TEXT NOT NULL) WITHOUT ROWID; `,
	"reason": `CREATE TABLE engine_reason (message_id TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID; `,
	"given":  `CREATE TABLE engine_given (message_id TEXT PRIMARY KEY, content BLOB NOT NULL); `,
	"tried":  `CREATE TABLE engine_tried (message_id TEXT PRIMARY KEY, claim TEXT NOT NULL) WITHOUT ROWID; `,
	"retry":  `CREATE TABLE engine_retry (message_id TEXT PRIMARY KEY, retry_id TEXT NOT NULL) WITHOUT ROWID; `,
	"operation": `CREATE TABLE engine_operation (mail_id TEXT NOT NULL, direction TEXT NOT NULL, operation_id TEXT NOT NULL,
		action TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, retried_as TEXT, retry_of TEXT, PRIMARY KEY (mail_id, direction, operation_id)) WITHOUT ROWID; `,
	"pruned": `CREATE TABLE engine_pruned (folder TEXT PRIMARY KEY, pruned_at TEXT NOT NULL) WITHOUT ROWID; `,
}

// outboxRow plants a row: state, settled, due_at and attempts.
func outboxRow(values string) func(*testing.T, session) {
	return inbound(`CREATE TABLE engine_outbox (n INTEGER PRIMARY KEY, message_out_id TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL, way TEXT NOT NULL, state TEXT NOT NULL,
		settled INTEGER NOT NULL, due_at INTEGER, attempts INTEGER NOT NULL, uncertain INTEGER NOT NULL,
		lease_until INTEGER, lease_owner TEXT NOT NULL, last_error TEXT, content TEXT, seal BLOB);
		INSERT INTO engine_outbox (message_out_id, seq, way, state, settled, due_at, attempts, uncertain, lease_owner)
		SELECT 'r', 1, 'chat telegram', column1, column2, column3, column4, 0, '' FROM (VALUES (` + values + `))`)
}

// registered is a fault in the registry.
func registered(sql string) func(*testing.T, session) {
	return func(t *testing.T, s session) { foreign.Run(t, "exec", s.dataOf(), "engine", sql) }
}

func archive(name, text string) func(*testing.T, session) {
	return func(t *testing.T, s session) {
		must(t, os.WriteFile(filepath.Join(s.dataOf(), "archives", name), []byte(text), 0o600))
	}
}

func TestDoctorNamesEveryFaultAndMendsWhatItCan(t *testing.T) {
	origin := stopped(t)
	const added = `INSERT INTO messages_in (id, seq, kind, timestamp, content, series_id`
	for _, test := range []struct {
		name    string
		plant   func(*testing.T, session)
		problem string
		mended  bool
	}{
		{"folder missing", remove(), "the folder of session", false},
		{"folder a link", link("."), "", false},
		{"inbound.db missing", remove("inbound.db"), "inbound.db of the session is missing", false},
		{"inbound.db a link", link("outbound.db", "inbound.db"), "is a link", false},
		{"inbound.db no database", file(strings.Repeat("no database ", 100), "inbound.db"), "damaged, or not a database", false},
		{"inbound.db with a second name", func(t *testing.T, s session) { must(t, os.Link(s.path("inbound.db"), s.path("copy"))) }, "several names", false},
		{"outbound.db a FIFO", func(t *testing.T, s session) {
			must(t, os.Remove(s.path("outbound.db")), unix.Mkfifo(s.path("outbound.db"), 0o600))
		}, "is not a regular file", false},
		{"outbound.db a directory", func(t *testing.T, s session) {
			must(t, os.Remove(s.path("outbound.db")), os.Mkdir(s.path("outbound.db"), 0o700))
		}, "is a directory where a file belongs", false},
		{"inbound.db in WAL mode", inbound(`PRAGMA journal_mode = WAL`), "WAL mode", false},
		{"outbound.db damaged", func(t *testing.T, s session) {
			f, err := os.OpenFile(s.path("outbound.db"), os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, 4096), 4096)
			must(t, err, f.Close())
		}, "it is damaged", false},
		{"a trigger", inbound(`CREATE TRIGGER t AFTER INSERT ON messages_in BEGIN DELETE FROM messages_in; END`), `a trigger "t"`, false},
		{"a view for a table", inbound(`DROP TABLE messages_in; CREATE VIEW messages_in AS SELECT 1 AS id`), "messages_in is not a table", false},
		{"a column that computes", outbound(`DROP TABLE messages_out; CREATE TABLE messages_out (id TEXT PRIMARY KEY, seq INTEGER, in_reply_to TEXT,
			timestamp TEXT, deliver_after TEXT, recurrence TEXT, kind TEXT, platform_id TEXT, channel_type TEXT, thread_id TEXT,
			content TEXT AS (hex(zeroblob(500000000))))`), "outbound.db of the session cannot be used", false},
		{"an index that computes", outbound(`CREATE INDEX i ON messages_out (hex(content));
			INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r1', 3, '2026-01-01T00:00:00Z', 'chat', 'x')`), "cannot be read to its end", false},
		{"a view in outbound.db", outbound(`DROP TABLE messages_out; CREATE VIEW messages_out AS
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n`), "messages_out is not a table", false},
		{"table missing", inbound(`DROP TABLE destinations`), "no table destinations", true},
		{"own table missing", inbound(`DROP TABLE engine_accepted`), "no table engine_accepted", true},
		{"column missing", inbound(`ALTER TABLE messages_in DROP COLUMN on_wake`), "table messages_in has no column on_wake", true},
		{"column of delivered missing", inbound(`ALTER TABLE delivered DROP COLUMN status`), "table delivered has no column status", true},
		{"column that cannot be added missing", inbound(`ALTER TABLE messages_in DROP COLUMN content`), "table messages_in has no column content", false},
		{"seq odd", inbound(`UPDATE messages_in SET seq = 3`), "seq 3 is odd", false},
		{"seq at its limit", inbound(`UPDATE messages_in SET seq = 9223372036854775806`), "not a valid sequence number", false},
		{"seq missing", inbound(`UPDATE messages_in SET seq = NULL`), "not a valid sequence number", false},
		{"seq negative", inbound(`UPDATE messages_in SET seq = -2`), "not a valid sequence number", false},
		{"seq twice", inbound(`CREATE TABLE n AS SELECT * FROM messages_in; INSERT INTO n SELECT * FROM n; UPDATE n SET id = rowid;
			DROP TABLE messages_in; ALTER TABLE n RENAME TO messages_in`), "2 rows of messages_in have the seq 2", false},
		{"status unknown", inbound(`UPDATE messages_in SET status = 'lost'`), `status "lost" is none of the protocol's`, false},
		{"timestamp no time", inbound(`UPDATE messages_in SET timestamp = 'yesterday'`), `timestamp "yesterday" is not a time`, false},
		{"process_after no time", inbound(`UPDATE messages_in SET process_after = 'soon'`), `process_after "soon" is not a time`, false},
		{"process_after empty", inbound(`UPDATE messages_in SET process_after = ''`), "process_after is an empty text", true},
		{"no series_id", inbound(`UPDATE messages_in SET series_id = NULL`), "it has no series_id", true},
		{"bad cron", inbound(`UPDATE messages_in SET recurrence = 'often'`), "is not a cron expression", false},
		{"chat with a number", inbound(added + `) VALUES ('m2', 4, 'chat', '2026-01-01T00:00:00Z', '5', 'm2')`), "JSON that makes some containers crash", false},
		{"task whose text is no string", inbound(added + `) VALUES ('m2', 4, 'task', '2026-01-01T00:00:00Z', '{"text":5}', 'm2')`), "JSON that makes some containers crash", false},
		{"base64 left", inbound(added + `) VALUES ('m2', 4, 'chat', '2026-01-01T00:00:00Z', '{"attachments":[{"data":"YQ=="}]}', 'm2')`), "was not put away", false},
		{"trigger no number", inbound(`UPDATE messages_in SET "trigger" = 'yes'`), "trigger is not a number", false},
		{"content too long", inbound(`UPDATE messages_in SET content = zeroblob(40000000)`), "content is missing or too long", false},
		{"attachment missing", remove("inbox", "m1", "a.txt"), "it is not there as a file", false},
		{"attachment a link", link("/etc/hosts", "inbox", "m1", "a.txt"), "is a link", false},
		{"inbox a link", link("outbox", "inbox"), "is not a directory of its own", false},
		{"message folder a link", link("/etc", "inbox", "m1"), "it is a link or a special file", false},
		{"outbox missing", remove("outbox"), "it is missing", true},
		{"FIFO in the outbox", func(t *testing.T, s session) {
			must(t, os.Mkdir(s.path("outbox", "r1"), 0o700), unix.Mkfifo(s.path("outbox", "r1", "f"), 0o600))
		}, "is not a regular file", false},
		{"inbox folder that no row names", file("half", "inbox", "m9", "b.txt"), "no message names it", true},
		{"hot journal of the engine", func(t *testing.T, s session) { foreign.KillMidWrite(t, s.folder, "inbound") }, "a journal that keeps the container from reading", true},
		{"hot journal of a container", func(t *testing.T, s session) { foreign.KillMidWrite(t, s.folder) }, "a killed container left a journal", true},
		{"journal a directory", func(t *testing.T, s session) { must(t, os.Mkdir(s.path("inbound.db-journal"), 0o700)) }, "is a directory where a file belongs", false},
		{"orphaned claim", func(t *testing.T, s session) { foreign.Run(t, "claim", s.folder, "m1") }, "claimed by a container that is gone", true},
		{"acknowledgement not copied", func(t *testing.T, s session) { foreign.Run(t, "complete", s.folder, "m1") }, "1 messages are pending that the container has acknowledged", true},
		{"reply with an even seq", outbound(`INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r1', 4, '2026-01-01T00:00:00Z', 'chat', 'x')`), "seq 4 is even", false},
		{"reply due at no time", outbound(`INSERT INTO messages_out (id, seq, timestamp, kind, content, deliver_after) VALUES ('r1', 3, '2026-01-01T00:00:00Z', 'chat', 'x', '')`), `deliver_after "" is not a time`, false},
		{"acknowledged at no time", outbound(`INSERT INTO processing_ack VALUES ('m0', 'completed', 'now')`), `status_changed "now" is not a time`, false},
		{"outcome unknown", inbound(`INSERT INTO delivered VALUES ('r1', NULL, 'maybe', '2026-01-01T00:00:00Z')`), `status "maybe"`, false},
		{"stale destinations", inbound(`INSERT INTO destinations (name, type) VALUES ('old', 'channel')`), "table destinations is not what the registry says", true},
		{"stale routing", inbound(`UPDATE session_routing SET thread_id = 'other'`), "table session_routing is not what the registry says", true},
		{"JSON file missing", remove(".nanoclaw-destinations.json"), "it is missing", true},
		{"JSON file changed", file(`{"destinations":[{}]}`, ".nanoclaw-destinations.json"), "it is not what the registry says", true},
		{"JSON file a link", link("/etc/passwd", ".nanoclaw-destinations.json"), "is a link", true},
		{"litter of a replaced file", file("{}", ".nanoclaw-destinations.json.ABCDEF"), "a crash left it", true},
		{"heartbeat in the future", func(t *testing.T, s session) {
			file("", ".heartbeat")(t, s)
			future := time.Now().Add(time.Hour)
			must(t, os.Chtimes(s.path(".heartbeat"), future, future))
		}, "in the future", true},
		{"empty folder that is not registered", func(t *testing.T, s session) {
			must(t, os.Mkdir(s.path("..", "sess-lost"), 0o700), os.Mkdir(s.path("..", "sess-lost", "outbox"), 0o700))
		}, "is not registered and holds nothing", true},
		{"folder that is not registered and was never synced", func(t *testing.T, s session) {
			lost := session{folder: s.path("..", "sess-lost")}
			file(strings.Repeat("\x00", 49152), "inbound.db")(t, lost)
			file("", "outbound.db")(t, lost)
		}, "is not registered and holds nothing", true},
		{"folder with messages that is not registered", func(t *testing.T, s session) {
			foreign.Run(t, "create", s.path("..", "sess-lost"))
			foreign.Run(t, "write", s.path("..", "sess-lost"), "m1", "hello")
		}, "a session's folder that is not registered", false},
		{"session in another group's folder", func(t *testing.T, s session) {
			must(t, os.Mkdir(s.path("..", "..", "other"), 0o700), os.CopyFS(s.path("..", "..", "other", s.id), os.DirFS(s.folder)))
		}, "a session's folder that is not registered", false},
		{"upload too old", func(t *testing.T, s session) {
			upload, old := filepath.Join(s.dataOf(), "uploads", "upload-1"), time.Now().Add(-2*time.Hour)
			must(t, os.WriteFile(upload, nil, 0o600), os.Chtimes(upload, old, old))
		}, "nobody attached it in time", true},
		{"write interrupted", func(t *testing.T, s session) {
			slot := make([]byte, 4096)
			copy(slot, `{"agentGroup":"ag","session":"`+s.id+`","inbox":"m9","message":"m9"}`)
			must(t, os.WriteFile(filepath.Join(s.dataOf(), "intents"), slot, 0o600))
			file("half", "inbox", "m9", "b.txt")(t, s)
		}, "a crash fell into the middle", true},
		{"write to an unknown session interrupted", func(t *testing.T, s session) {
			slot := make([]byte, 4096)
			copy(slot, `{"agentGroup":"ag","session":"sess-lost"}`)
			must(t, os.WriteFile(filepath.Join(s.dataOf(), "intents"), slot, 0o600))
		}, "a write to session sess-lost", true},
		{"series at no time", inbound(own["series"] + `INSERT INTO engine_series VALUES ('m1', NULL, 'ONCE', 'soon')`), `scheduled_at "soon" is not a time`, false},
		{"series without a policy", inbound(own["series"] + `INSERT INTO engine_series VALUES ('m1', NULL, 'NEVER', '2026-01-01T00:00:00Z')`), `missed_runs "NEVER"`, false},
		{"series a view", inbound(`CREATE VIEW engine_series AS SELECT 1 AS message_id`), "engine_series is not a table", false},
		{"reason of no message", inbound(own["reason"] + `INSERT INTO engine_reason VALUES ('m0', 'x')`), "1 rows of engine_reason are about messages that are not there", true},
		{"series of no message", inbound(own["series"] + `INSERT INTO engine_series VALUES ('m0', NULL, 'ONCE', '2026-01-01T00:00:00Z')`), "1 rows of engine_series", true},
		{"try of no message", inbound(own["tried"] + `INSERT INTO engine_tried VALUES ('m0', 'x')`), "1 rows of engine_tried", true},
		{"tries without a column", inbound(`CREATE TABLE engine_tried (message_id TEXT PRIMARY KEY)`), "table engine_tried has no column claim", false},
		{"given that was changed", func(t *testing.T, s session) {
			must(t, os.WriteFile(filepath.Join(s.dataOf(), "series.key"), make([]byte, 32), 0o600))
			inbound(own["given"]+`INSERT INTO engine_given VALUES ('m1', zeroblob(60))`)(t, s)
		}, "it was changed, or was sealed with another key", false},
		{"given without its key", inbound(own["given"] + `INSERT INTO engine_given VALUES ('m1', zeroblob(60))`), "its key is missing", false},
		{"retry that is not there", inbound(own["retry"] + `INSERT INTO engine_retry VALUES ('m1', 'm2')`), `its retry "m2" is not there`, false},
		{"operation of no direction", inbound(own["operation"] + `INSERT INTO engine_operation VALUES ('m1', 'UP', 'op', 'RETRY', 'why', '2026-01-31T12:00:00.000Z', NULL, NULL)`), "direction is none", false},
		{"operation at no time", inbound(own["operation"] + `INSERT INTO engine_operation VALUES ('m1', 'IN', 'op', 'RETRY', 'why', 'once', NULL, NULL)`), `at "once" is not a time`, false},
		{"pruned at no time", inbound(own["pruned"] + `INSERT INTO engine_pruned VALUES ('m7', 'once')`), `pruned_at "once" is not a time`, false},
		{"usage below nothing", inbound(`CREATE TABLE IF NOT EXISTS engine_usage (id INTEGER PRIMARY KEY, bytes); DELETE FROM engine_usage; INSERT INTO engine_usage VALUES (1, -5)`), "bytes is not a size", false},
		{"outbox in no state", outboxRow(`'lost', 0, NULL, 1`), `state "lost" is none`, false},
		{"outbox settled without an outcome", outboxRow(`'failed', 1, NULL, 1`), "has no outcome in delivered", false},
		{"outbox half settled", outboxRow(`'pending', 1, NULL, 1`), "it is pending, and settled is 1", false},
		{"outbox due at no time", outboxRow(`'pending', 0, -1, 1`), "due_at is not a time", false},
		{"outbox with less than no attempts", outboxRow(`'pending', 0, NULL, -1`), "attempts is not a number", false},
		{"outbox mark nowhere", inbound(`CREATE TABLE engine_outbox_mark (id INTEGER PRIMARY KEY, out_rowid, reply_id); INSERT INTO engine_outbox_mark VALUES (1, 'x', 'r')`), "no place in messages_out", false},
		{"unsettled reply of no session", registered(`INSERT INTO unsettled (session_id, reply_id, way, failed) VALUES ('sess-lost', 'r', 'x', 0)`), "1 unsettled replies are of sessions that do not exist", false},
		{"session archived and not", registered(`INSERT INTO archives SELECT id, agent_group_id, 0, 0 FROM sessions`), "1 sessions are both archived and not", false},
		{"events that are none", registered(`UPDATE events SET batch = '{' WHERE n = (SELECT max(n) FROM events)`), "1 batches of events cannot be read", false},
		{"webhook without an address", registered(`INSERT INTO webhooks VALUES ('w', 'telegram', 'nowhere', 's', 1)`), "1 webhooks have no address", false},
		{"key too short", registered(`UPDATE secrets SET value = x'00' WHERE name = 'files'`), "1 keys of the engine's are not whole", false},
		{"claim of nobody", registered(`INSERT OR IGNORE INTO work SELECT id, 0 FROM sessions; INSERT INTO container_claims SELECT id, '', NULL FROM sessions`), "1 claims of containers are of nobody", false},
		{"work of no session", registered(`INSERT INTO work VALUES ('sess-lost', 0)`), "a row of work names one of sessions", false},
		{"archive cut off", archive("sess-lost.tar", "x"), "the archive of session sess-lost is refused", false},
		{"archive that was not finished", archive("sess-lost.tar.new", "x"), "a crash cut off", true},
		{"something among the archives", archive("notes.txt", "x"), "it is not an archive of a session", false},
		{"folder of an archived session", func(t *testing.T, s session) {
			registered(`INSERT INTO archives VALUES ('sess-lost', 'ag', 0, 1)`)(t, s)
			foreign.Run(t, "create", s.path("..", "sess-lost"))
			foreign.Run(t, "write", s.path("..", "sess-lost"), "m1", "hello")
		}, "its session is archived: a crash left the folder", true},
		{"registry damaged", func(t *testing.T, s session) {
			must(t, os.WriteFile(filepath.Join(s.dataOf(), "engine.db"), bytes.Repeat([]byte("x"), 8192), 0o600))
		}, "damaged", false},
		{"registry missing", func(t *testing.T, s session) {
			must(t, os.Remove(filepath.Join(s.dataOf(), "engine.db")))
		}, "it is missing, and with it the list of sessions", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := origin.copied(t)
			if f, code := doctor(t, s.dataOf()); code != healthy || len(f) > 0 {
				t.Fatalf("before the fault: %d, %+v", code, f)
			}
			test.plant(t, s)
			found, code := doctor(t, s.dataOf())
			if code != unhealthy || !names(found, test.problem, false) {
				t.Fatalf("the fault is not named: %d, %+v", code, found)
			}
			again, _ := doctor(t, s.dataOf())
			if !sameFindings(found, again) {
				t.Errorf("a check without --repair changed something:\n%+v\n%+v", found, again)
			}
			repaired, code := doctor(t, s.dataOf(), "--repair")
			if !names(repaired, test.problem, test.mended) {
				t.Errorf("after the repair: %+v", repaired)
			}
			want := unhealthy
			if test.mended {
				want = healthy
			}
			if code != want {
				t.Errorf("the repair exits with %d, want %d: %+v", code, want, repaired)
			}
			if left, code := doctor(t, s.dataOf()); code != want {
				t.Errorf("after the repair the check exits with %d, want %d: %+v", code, want, left)
			}
		})
	}
}

func names(findings []finding, problem string, repaired bool) bool {
	for _, f := range findings {
		if strings.Contains(f.Problem, problem) && f.Repaired == repaired && f.File != "" && f.Advice != "" {
			return true
		}
	}
	return false
}

func sameFindings(a, b []finding) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !contains(b, a[i]) {
			return false
		}
	}
	return true
}

func contains(all []finding, f finding) bool {
	for _, g := range all {
		if f == g {
			return true
		}
	}
	return false
}

func TestDoctorTakesOverTheFolderOfAnOlderHost(t *testing.T) {
	s := stopped(t)
	s.replaceFolder(t, "--old")
	if f, code := doctor(t, s.dataOf(), "--repair"); code != healthy || !names(f, "table messages_in has no column trigger", true) {
		t.Fatalf("%d, %+v", code, f)
	}
	if rows := foreign.Rows(t, s.folder, "inbound", "messages_in"); len(rows) != 1 || rows[0]["series_id"] != "theirs" {
		t.Errorf("the message from before is %v", rows)
	}
}

func TestDoctorLeavesTheJournalOfARunningContainerAlone(t *testing.T) {
	s := newSession(t)
	s.mark(t, "RUNNING")
	must(t, s.engine.Stop())
	foreign.KillMidWrite(t, s.folder)
	before, err := os.ReadFile(s.path("outbound.db-journal"))
	must(t, err)
	if f, code := doctor(t, s.dataOf(), "--repair"); code != unhealthy || !names(f, "its container is writing, or was killed", false) {
		t.Errorf("%d, %+v", code, f)
	}
	after, err := os.ReadFile(s.path("outbound.db-journal"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the journal changed: %v", err)
	}
}

func TestDoctorDoesNotRunBesideAnEngine(t *testing.T) {
	s := newSession(t)
	if _, code := doctor(t, s.dataOf()); code != inUse {
		t.Errorf("exit code %d, want %d", code, inUse)
	}
}

func TestDoctorChecksModesThatItIsTold(t *testing.T) {
	s := stopped(t)
	if f, code := doctor(t, s.dataOf(), "--file-mode", "0600", "--repair"); code != healthy || !names(f, "its mode is 0660, not 0600", true) {
		t.Errorf("%d, %+v", code, f)
	}
	if info, err := os.Stat(s.path("inbound.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("inbound.db is %v, %v", info.Mode(), err)
	}
}

func TestDoctorFindsTheDemoHealthy(t *testing.T) {
	data := filepath.Join(t.TempDir(), "demo")
	if out, err := engineproc.Command(t, "demo", "--once", "--data", data).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if f, code := doctor(t, data); code != healthy || len(f) > 0 {
		t.Errorf("%d, %+v", code, f)
	}
}
