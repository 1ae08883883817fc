package sessions_test

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

const (
	// slowValue is an expression that takes hours without a single step that
	// an interrupt could fall between.
	slowValue = `instr(zeroblob(60000000), zeroblob(30000000) || x'01')`
	slowLike  = `replace(hex(zeroblob(50000)), '0', 'a') LIKE '%a%a%a%a%a%a%a%a%a%a%a%a%b'`
	slowTrim  = `length(trim(replace(hex(zeroblob(10000000)), '0', 'a'), replace(hex(zeroblob(10000000)), '0', 'b') || 'a'))`

	endless = `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT `

	oneReply = `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r1', 1, '2026-01-01 00:00:00', 'chat', 'x');`
	oneClaim = `INSERT INTO processing_ack VALUES ('m1', 'processing', 'x');`
)

// becomes changes a table's columns behind SQLite's back, so that what they
// compute is first computed by the engine.
func becomes(table, from, to string) string {
	return `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '` + from + `', '` + strings.ReplaceAll(to, "'", "''") +
		`') WHERE name = '` + table + `'`
}

// What a container makes of its databases harms nobody else: every use of the
// folder is over in bounded time, with an answer or a clear error.
func TestHostileDatabasesHarmNobodyElse(t *testing.T) {
	attacks := []struct{ name, db, sql string }{
		{"views in place of tables, endless", "inbound.db", `DROP TABLE messages_in; CREATE VIEW messages_in AS ` + endless +
			`x AS id, x AS seq, 'chat' AS kind, x AS timestamp, 'pending' AS status, x AS content, NULL AS process_after FROM c;
			DROP TABLE engine_accepted; CREATE VIEW engine_accepted AS ` + endless + `x AS id, x AS hash, x AS outcome FROM c`},
		{"views in place of tables, endless", "outbound.db", `DROP TABLE messages_out; CREATE VIEW messages_out AS ` + endless +
			`x AS id, x AS seq, 'chat' AS kind, x AS timestamp, x AS content FROM c;
			DROP TABLE processing_ack; CREATE VIEW processing_ack AS ` + endless + `x AS message_id, 'completed' AS status, x AS status_changed FROM c`},
		{"triggers that undo and redirect", "inbound.db", `
			CREATE TRIGGER t1 AFTER INSERT ON messages_in BEGIN DELETE FROM messages_in; END;
			CREATE TRIGGER t2 AFTER INSERT ON engine_accepted BEGIN DELETE FROM engine_accepted; END;
			CREATE TRIGGER t3 BEFORE INSERT ON destinations BEGIN INSERT INTO destinations (name, type) ` + endless + `x, 'agent' FROM c; END`},
		{"triggers that undo and redirect", "outbound.db", `INSERT INTO processing_ack VALUES ('x', 'processing', '');
			CREATE TRIGGER t1 BEFORE DELETE ON processing_ack BEGIN INSERT INTO processing_ack ` + endless + `x, 'processing', x FROM c; END`},
		{"a check that takes hours", "inbound.db", becomes("messages_in", "content TEXT NOT NULL", "content TEXT NOT NULL CHECK ("+slowValue+" >= 0)")},
		{"a default that takes hours", "inbound.db", becomes("messages_in", "content TEXT NOT NULL", "content TEXT NOT NULL, extra DEFAULT ("+slowValue+")")},
		{"a stored column that takes hours", "inbound.db", becomes("messages_in", "content TEXT NOT NULL", "content TEXT NOT NULL, extra AS ("+slowValue+") STORED")},
		{"an index expression that takes hours", "inbound.db", `CREATE INDEX slow ON messages_in (` + slowValue + ` + seq)`},
		{"a partial index that takes hours", "inbound.db", `CREATE INDEX slow ON messages_in (seq) WHERE ` + slowLike + ` || content`},
		{"generated content that takes hours to search", "outbound.db", oneReply + becomes("messages_out", "content TEXT NOT NULL", "content TEXT AS ("+slowValue+")")},
		{"generated content that takes hours to match", "outbound.db", oneReply + becomes("messages_out", "content TEXT NOT NULL", "content TEXT AS ("+slowLike+")")},
		{"generated content that takes hours to trim", "outbound.db", oneReply + becomes("messages_out", "content TEXT NOT NULL", "content TEXT AS ("+slowTrim+")")},
		{"generated content of a thousand parts", "outbound.db", oneReply + becomes("messages_out", "content TEXT NOT NULL", "content TEXT AS ("+
			strings.TrimSuffix(strings.Repeat("length(hex(zeroblob(30000000)))+", 1000), "+")+")")},
		{"content that grows from column to column", "outbound.db", oneReply + becomes("messages_out", "content TEXT NOT NULL",
			"a TEXT AS (id||id||id||id||id||id||id||id||id||id), b TEXT AS (a||a||a||a||a||a||a||a||a||a), c TEXT AS (b||b||b||b||b||b||b||b||b||b), "+
				"d TEXT AS (c||c||c||c||c||c||c||c||c||c), e TEXT AS (d||d||d||d||d||d||d||d||d||d), f TEXT AS (e||e||e||e||e||e||e||e||e||e), "+
				"content TEXT AS (f||f||f||f||f||f||f||f||f||f||f||f||f||f||f||f)")},
		{"a generated status that takes hours", "outbound.db", oneClaim + becomes("processing_ack", "status TEXT NOT NULL", "status TEXT AS ("+slowValue+")")},
		{"an index on claims that takes hours", "outbound.db", oneClaim + `CREATE INDEX slow ON processing_ack (status_changed);` +
			becomes("slow", "(status_changed)", "("+slowValue+")")},
		{"a virtual table", "outbound.db", becomes("messages_out", "CREATE", "CREATE VIRTUAL TABLE messages_out USING rtree(id, seq, x) --") +
			`; UPDATE sqlite_schema SET rootpage = 0 WHERE name = 'messages_out'`},
		{"a table without rowid", "outbound.db", `DROP TABLE messages_out; CREATE TABLE messages_out (id TEXT PRIMARY KEY, seq, in_reply_to,
			timestamp, deliver_after, kind, platform_id, channel_type, thread_id, content) WITHOUT ROWID`},
		{"no index on seq and much content", "outbound.db", `DROP TABLE messages_out; CREATE TABLE messages_out (id TEXT, seq INTEGER, in_reply_to TEXT,
			timestamp TEXT, deliver_after TEXT, kind TEXT, platform_id TEXT, channel_type TEXT, thread_id TEXT, content TEXT);
			INSERT INTO messages_out (id, seq, timestamp, kind, content) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 40)
			SELECT x, x, 'now', 'chat', hex(zeroblob(1000000)) FROM c`},
		{"a row of 80 MB", "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r1', 1, '2026-01-01 00:00:00', 'chat', zeroblob(80000000)),
			('r2', 3, '2026-01-01 00:00:00', 'chat', 'fine')`},
		{"a row of 80 MB", "inbound.db", `INSERT INTO messages_in (id, seq, timestamp, kind, content) VALUES (zeroblob(80000000), 2, '2026-01-01 00:00:00', 'chat', 'x')`},
		{"nothing at all", "inbound.db", `PRAGMA writable_schema = ON; DELETE FROM sqlite_schema`},
		{"nothing at all", "outbound.db", `PRAGMA writable_schema = ON; DELETE FROM sqlite_schema`},
		{"a schema that cannot be parsed", "inbound.db", `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE (('`},
		{"a schema that cannot be parsed", "outbound.db", `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE (('`},
		{"a schema of five hundred tables", "outbound.db", `PRAGMA writable_schema = ON; INSERT INTO sqlite_schema
			WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 500) SELECT 'table', 't' || x, 't' || x, 2, 'CREATE TABLE t' || x || '(a)' FROM c`},
	}
	h := hosttest.Open(t, sessions.Options{Limits: engine.Limits{QueueTime: 10 * time.Second}})
	for _, a := range attacks {
		t.Run(a.name+" in "+a.db, func(t *testing.T) {
			t.Parallel()
			s, other := h.Session(t), h.Session(t)
			h.Exec(t, s, a.db, a.sql)
			for what, err := range use(t, h, s) {
				if code := engine.CodeOf(err); code == engine.CodeInternal || code == engine.CodeInvalidInput {
					t.Errorf("%s: %s, %v", what, code, err)
				}
			}
			h.MustWrite(t, other, "after", "the others are served on")
		})
	}
}

func TestTriggersOfAContainerDoNotRun(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.Exec(t, s, "inbound.db", `CREATE TRIGGER thief AFTER INSERT ON messages_in BEGIN UPDATE messages_in SET content = 'stolen'; END`)
	h.MustWrite(t, s, "m", "kept")
	m, err := h.Message(t.Context(), s.ID, "m")
	must(t, err)
	if m.Content != "kept" {
		t.Errorf("content is %q", m.Content)
	}
}

// The seq of a hostile row neither stops numbering nor is repeated.
func TestNumberingGoesOnAboveEveryValidSeqWhateverRowsHave(t *testing.T) {
	for name, c := range map[string]struct {
		seq  string
		want int64
	}{
		"the largest integer":      {"9223372036854775807", 2},
		"just above the valid":     {"9007199254740992", 2},
		"negative":                 {"-9223372036854775808", 2},
		"NULL":                     {"NULL", 2},
		"text":                     {"'zzz'", 2},
		"a blob":                   {"x'ff'", 2},
		"an infinite real":         {"9e999", 2},
		"a real":                   {"6.5", 8},
		"odd":                      {"7", 8},
		"the last but one to have": {"9007199254740988", 9007199254740990},
	} {
		t.Run(name, func(t *testing.T) {
			h := hosttest.Open(t, sessions.Options{})
			s := h.Session(t)
			h.Exec(t, s, "inbound.db", `INSERT INTO messages_in (id, seq, kind, timestamp, content) VALUES ('x', `+c.seq+`, 'chat', 'x', 'x')`)
			if m := h.MustWrite(t, s, "m", "hello"); *m.Seq != c.want {
				t.Errorf("seq is %d, want %d", *m.Seq, c.want)
			}
			if c.want > 1<<52 {
				_, _, err := h.Write(t, s, "one more", "hello")
				wantCode(t, err, engine.CodeLimitExceeded)
			}
			l, err := h.Messages(t.Context(), s, engine.Page{Limit: 10}, nil)
			must(t, err)
			if len(l.Items) != 2 {
				t.Errorf("%d messages are listed, want 2", len(l.Items))
			}
		})
	}
}

// One row that cannot be read must not hide the others (lesson 23).
func TestColumnsOfEveryTypeAreReadAndReported(t *testing.T) {
	values := []string{"NULL", "x'00ff'", "1e300", "-1", "''", "9223372036854775807", "char(0)", "zeroblob(100000)"}
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.Exec(t, s, "inbound.db", `ALTER TABLE messages_in RENAME TO old; CREATE TABLE messages_in (id, seq, kind, timestamp, status, process_after, recurrence,
		series_id, tries, "trigger", platform_id, channel_type, thread_id, content, source_session_id, on_wake);
		CREATE TABLE engine_series (message_id, time_zone, missed_runs, scheduled_at)`)
	h.Exec(t, s, "outbound.db", `DROP TABLE messages_out; DROP TABLE processing_ack; CREATE TABLE messages_out (id, seq, in_reply_to, timestamp,
		deliver_after, recurrence, kind, platform_id, channel_type, thread_id, content); CREATE TABLE processing_ack (message_id, status, status_changed)`)
	for _, v := range values {
		row := strings.TrimSuffix(strings.Repeat(v+", ", 16), ", ")
		h.Exec(t, s, "inbound.db", `INSERT INTO messages_in VALUES (`+row+`); INSERT INTO engine_series VALUES (`+v+`, `+v+`, `+v+`, `+v+`);
			DELETE FROM delivered; INSERT INTO delivered VALUES (coalesce(`+v+`, ''), `+v+`, coalesce(`+v+`, ''), coalesce(`+v+`, ''))`)
		h.Exec(t, s, "outbound.db", `INSERT INTO messages_out VALUES (`+strings.TrimSuffix(strings.Repeat(v+", ", 11), ", ")+`);
			INSERT INTO processing_ack VALUES (`+v+`, `+v+`, `+v+`)`)
	}
	messages, err := h.Messages(t.Context(), s, engine.Page{Limit: 100}, nil)
	must(t, err)
	replies, err := h.Replies(t.Context(), s, engine.Page{Limit: 100}, nil)
	must(t, err)
	if len(messages.Items) != len(values) || len(replies.Items) != len(values) {
		t.Errorf("%d messages and %d replies are listed, want %d of each", len(messages.Items), len(replies.Items), len(values))
	}
	for _, m := range messages.Items {
		if m.Problem == nil {
			t.Errorf("nothing is reported of %+v", m)
		}
	}
	for _, r := range replies.Items {
		if r.Problem == nil {
			t.Errorf("nothing is reported of %+v", r)
		}
	}
}

func TestRepliesThatAreFineAreReadBesideOneThatIsTooLarge(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES
		('before', 1, '2026-01-01 00:00:00', 'chat', 'fine'), ('huge', 3, '2026-01-01 00:00:00', 'chat', zeroblob(80000000)),
		('after', 5, '2026-01-01 00:00:00', 'chat', 'fine')`)
	l, err := h.Replies(t.Context(), s, engine.Page{Limit: 10}, nil)
	must(t, err)
	if len(l.Items) != 3 || l.Items[1].Problem == nil || l.Items[0].Content != "fine" || l.Items[2].Content != "fine" {
		t.Errorf("got %+v", l.Items)
	}
}

func TestWALDatabasesAreRefusedWithTheReason(t *testing.T) {
	header := func(t *testing.T, h *hosttest.Host, s engine.Session, name string) {
		f, err := os.OpenFile(h.Folder(s, name), os.O_RDWR, 0)
		must(t, err)
		defer f.Close()
		_, err = f.WriteAt([]byte{2, 2}, 18)
		must(t, err)
	}
	real := func(t *testing.T, h *hosttest.Host, s engine.Session, name string) {
		c := h.DB(t, s, name) // stays open, so that the WAL and its index exist
		must(t, c.Exec(`PRAGMA journal_mode = WAL; CREATE TABLE more (a)`))
	}
	for how, make := range map[string]func(*testing.T, *hosttest.Host, engine.Session, string){"header": header, "real": real} {
		for _, name := range []string{"inbound.db", "outbound.db"} {
			t.Run(how+" "+name, func(t *testing.T) {
				h := hosttest.Open(t, sessions.Options{})
				s := h.Session(t)
				make(t, h, s, name)
				_, _, err := h.Write(t, s, "m", "hello")
				if name == "inbound.db" {
					wantCode(t, err, engine.CodeUnavailable)
				} else {
					must(t, err)
					_, err = h.Replies(t.Context(), s, engine.Page{Limit: 1}, nil)
					wantCode(t, err, engine.CodeUnavailable)
				}
				if !strings.Contains(err.Error(), "WAL") {
					t.Errorf("%v does not say why", err)
				}
			})
		}
	}
}

// Each page in turn is filled with junk, and the file cut off.
func TestCorruptDatabasesAreUnavailableAndNeverPanic(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	template := h.Session(t)
	h.MustWrite(t, template, "m1", hosttest.Attach(hosttest.File("a.txt", "attached")))
	for _, name := range []string{"inbound.db", "outbound.db"} {
		sound, err := os.ReadFile(h.Folder(template, name))
		must(t, err)
		for page := 0; page*4096 < len(sound); page += 2 {
			for what, damage := range map[string]func(b []byte) []byte{
				"junk":      func(b []byte) []byte { copy(b[page*4096:], strings.Repeat("\xff\x0d\x00\x05junk", 512)); return b },
				"cells":     func(b []byte) []byte { binary.BigEndian.PutUint16(b[max(page*4096, 100)+3:], 0xffff); return b },
				"cut off":   func(b []byte) []byte { return b[:page*4096+100] },
				"page size": func(b []byte) []byte { binary.BigEndian.PutUint16(b[16:], uint16(page)); return b },
			} {
				s := h.Session(t)
				must(t, os.WriteFile(h.Folder(s, name), damage(append([]byte{}, sound...)), 0o660))
				for did, err := range use(t, h, s) {
					if code := engine.CodeOf(err); code == engine.CodeInternal {
						t.Errorf("%s of page %d of %s, %s: %v", what, page, name, did, err)
					}
				}
			}
		}
	}
}
