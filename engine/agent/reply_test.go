package agent_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine/agent"
)

func TestWhatIsPrintedBecomesTheReply(t *testing.T) {
	for _, test := range []struct{ name, printed, want string }{
		{"text", "hello <b>&\n", `{"text":"hello <b>&"}`},
		{"lines", "\n  a\n b\n\n", `{"text":"a\n b"}`},
		{"nothing", "", ""},
		{"blank", " \n\t\n", ""},
		{"object", ` { "text" : "<hi>", "type": "card", "n": 12345678901234567890 } `, `{"text":"<hi>","type":"card","n":12345678901234567890}`},
		{"empty object", "{}", "{}"},
		{"object without text", `{"operation":"reaction"}`, `{"operation":"reaction"}`},
		{"two objects", "{} {}", `{"text":"{} {}"}`},
		{"text that is a number", `{"text":5}`, `{"text":"{\"text\":5}"}`},
		{"text that is null", `{"text":null}`, `{"text":"{\"text\":null}"}`},
		{"array", "[1]", `{"text":"[1]"}`},
		{"number", "5", `{"text":"5"}`},
		{"not UTF-8", "a\xff\xfeb", "{\"text\":\"a\uFFFDb\"}"},
		{"object that is not UTF-8", "{\"text\":\"\xff\"}", "{\"text\":\"\uFFFD\"}"},
		{"NUL", "a\x00b", `{"text":"a\u0000b"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFolder(t)
			f.write(test.printed, "printed")
			f.message("m")
			f.once("cat", f.path("printed"))
			equal(t, "content", f.rows("outbound.db", `SELECT content FROM messages_out`), test.want)
			equal(t, "ack", f.ack("m"), "completed")
		})
	}
}

func TestTooMuchOutputFailsTheMessage(t *testing.T) {
	f := newFolder(t)
	f.message("m")
	f.message("next")
	logs := f.once("sh", "-c", `[ "$TWINBOX_MESSAGE_ID" = next ] || exec cat /dev/zero`)
	equal(t, "acks", f.acks(), "m|failed\nnext|completed")
	equal(t, "replies", f.replies(), "")
	if !strings.Contains(logs, "printed more than 10485760 bytes") {
		t.Errorf("no reason in %s", logs)
	}
}

func TestReplyIsAddressedAsItsMessageSays(t *testing.T) {
	f := newFolder(t)
	f.message("chat", "platform_id", "C1", "channel_type", "slack", "thread_id", "t'1")
	f.message("nowhere")
	f.message("peer", "platform_id", "ag-2", "channel_type", "agent", "source_session_id", "sess-9")
	f.once("sh", "-c", `echo "${TWINBOX_SOURCE_SESSION_ID-none}"`)
	equal(t, "replies", f.rows("outbound.db", `SELECT in_reply_to, kind, platform_id, channel_type, thread_id, content, deliver_after FROM messages_out ORDER BY seq`),
		`chat|chat|C1|slack|t'1|{"text":"none"}|NULL
nowhere|chat|NULL|NULL|NULL|{"text":"none"}|NULL
peer|chat|ag-2|agent|NULL|{"text":"sess-9"}|NULL`)
	written, err := time.Parse("2006-01-02T15:04:05.000Z", f.rows("outbound.db", `SELECT min(timestamp) FROM messages_out`))
	if err != nil || time.Since(written).Abs() > time.Hour {
		t.Errorf("timestamp %v %v", written, err)
	}
}

func TestSequenceNumberIsOddAndAboveBothFiles(t *testing.T) {
	f := newFolder(t)
	f.once("true")
	f.exec("outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES
		('a', 41, '2026-01-01 00:00:00', 'chat', '{}'), ('b', 9223372036854775807, '2026-01-01 00:00:00', 'chat', '{}'),
		('c', -7, '2026-01-01 00:00:00', 'chat', '{}'), ('d', 'text', '2026-01-01 00:00:00', 'chat', '{}')`)
	f.message("m", "seq", 2)
	f.once("cat")
	f.message("n", "seq", 100)
	f.once("cat")
	equal(t, "numbers", f.rows("outbound.db", `SELECT seq FROM messages_out WHERE in_reply_to IS NOT NULL ORDER BY seq`), "43\n101")
}

func TestFilesGoToTheReplysOutbox(t *testing.T) {
	f := newFolder(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.message("m")
	logs := f.once("sh", "-c", `cd "$TWINBOX_OUTBOX" && echo chart > 'Q3 Bericht.pdf' && echo b > b.txt && chmod 600 b.txt &&
		ln -s "$1" link && ln "$1" hard && mkdir dir && echo h > .hidden && mkfifo pipe && echo e > 'back\slash' && echo '{"text":"see"}'`, "sh", secret)
	equal(t, "content", f.rows("outbound.db", `SELECT content FROM messages_out`), `{"text":"see","files":["Q3 Bericht.pdf","b.txt"]}`)
	id := f.rows("outbound.db", `SELECT id FROM messages_out`)
	entries, err := filepath.Glob(f.path("outbox", "*", "*"))
	if err != nil || len(entries) != 2 {
		t.Errorf("outbox holds %v %v", entries, err)
	}
	data, err := os.ReadFile(f.path("outbox", id, "Q3 Bericht.pdf"))
	if err != nil || string(data) != "chart\n" {
		t.Errorf("file: %q %v", data, err)
	}
	if st, err := os.Stat(f.path("outbox", id, "b.txt")); err != nil || st.Mode().Perm() != 0o644 {
		t.Errorf("file: %v %v", st, err)
	}
	if all, err := os.ReadDir(f.path("outbox")); err != nil || len(all) != 1 {
		t.Errorf("outbox holds %v %v", all, err)
	}
	for _, name := range []string{"link", "hard", "dir", ".hidden", "pipe", `back\slash`} {
		if !strings.Contains(logs, "file="+name+" ") {
			t.Errorf("%s is not reported in %s", name, logs)
		}
	}
}

func TestFilesAloneAreAReply(t *testing.T) {
	f := newFolder(t)
	f.message("m")
	f.once("sh", "-c", `echo x > "$TWINBOX_OUTBOX/x"`)
	equal(t, "content", f.rows("outbound.db", `SELECT content FROM messages_out`), `{"text":"","files":["x"]}`)
}

func TestFilesThatTheCommandNamesItselfAreLeftAsItSaid(t *testing.T) {
	f := newFolder(t)
	f.message("m")
	f.once("sh", "-c", `cd "$TWINBOX_OUTBOX"; echo x > x; echo y > y; echo '{"files":["y"]}'`)
	equal(t, "content", f.rows("outbound.db", `SELECT content FROM messages_out`), `{"files":["y"]}`)
}

func TestJSONInputHoldsTheWholeMessage(t *testing.T) {
	f := newFolder(t)
	f.write("png", "inbox", "m", "photo 1.png")
	f.write("outside", "secret")
	if err := os.Symlink("../../secret", f.path("inbox", "m", "link.png")); err != nil {
		t.Fatal(err)
	}
	f.message("context", "trigger", 0, "content", "plain words")
	f.message("m", "content", `{"text":"look","n":1.50,"attachments":[
		{"name":"photo 1.png","type":"photo","mimeType":"image/png","localPath":"inbox/m/photo 1.png"},
		{"localPath":"inbox/m/link.png"},{"localPath":"inbox/../secret"},{"localPath":"secret"},{"localPath":"inbox/m/missing"},
		{"localPath":"/etc/passwd"},{"localPath":7},{"url":"https://example.org/x"},"text"]}`,
		"platform_id", "C1", "channel_type", "slack", "thread_id", "t1", "tries", 2, "source_session_id", "sess-1")
	if _, err := f.try(agent.Config{Command: []string{"sh", "-c", `cat > "$TWINBOX_WORKSPACE/input"`}, Input: agent.InputJSON, Once: true}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.path("input"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/input.json")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "input", indented(t, got), indented(t, []byte(strings.ReplaceAll(string(want), "WORKSPACE", dir))))
}

func indented(t *testing.T, data []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestTextInput(t *testing.T) {
	for _, test := range []struct{ name, content, want string }{
		{"text", `{"text":"hello","x":1}`, "hello\n"},
		{"prompt", `{"prompt":"do it","script":"ls"}`, "do it\n"},
		{"string", "hello", "hello\n"},
		{"other object", `{"event":"push"}`, "{\"event\":\"push\"}\n"},
		{"text that is not a string", `{"text":5}`, "{\"text\":5}\n"},
		{"not UTF-8", "a\xffb", "a\uFFFDb\n"},
		{"attachment", `{"text":"see","attachments":[{"localPath":"inbox/m/a.txt"}]}`, "see\n\nAttached files:\nWORKSPACE/inbox/m/a.txt\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFolder(t)
			f.write("a", "inbox", "m", "a.txt")
			f.message("m", "content", test.content)
			f.once("sh", "-c", `cat > "$TWINBOX_WORKSPACE/input"`)
			got, err := os.ReadFile(f.path("input"))
			if err != nil {
				t.Fatal(err)
			}
			dir, err := filepath.EvalSymlinks(f.dir)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "input", string(got), strings.ReplaceAll(test.want, "WORKSPACE", dir))
		})
	}
}

func TestEnvironmentTellsWhatIsAnswered(t *testing.T) {
	t.Setenv("TWINBOX_THREAD_ID", "inherited")
	f := newFolder(t)
	f.write("a", "inbox", "m", "a b.txt")
	f.write("a", "inbox", "m", "c.txt")
	f.message("m", "kind", "webhook", "platform_id", "C1", "channel_type", "slack",
		"content", `{"attachments":[{"localPath":"inbox/m/a b.txt"},{"localPath":"inbox/m/c.txt"}]}`)
	f.once("sh", "-c", `env | grep -A1 ^TWINBOX_ | grep -v PWD | sort > "$TWINBOX_WORKSPACE/env"; [ -d "$TWINBOX_OUTBOX" ] && echo "$TWINBOX_REPLY_ID"`)
	got, err := os.ReadFile(f.path("env"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	id := f.rows("outbound.db", `SELECT id FROM messages_out`)
	equal(t, "printed reply id", f.rows("outbound.db", `SELECT content FROM messages_out`), `{"text":"`+id+`"}`)
	for _, want := range []string{"WORKSPACE=" + dir, "INBOX=" + dir + "/inbox", "OUTBOX=" + dir + "/outbox/." + id, "INPUT=text", "REPLY_ID=" + id,
		"MESSAGE_ID=m", "SEQ=2", "TRIES=0", "KIND=webhook", "TIMESTAMP=2026-01-02T03:04:05.678Z", "PLATFORM_ID=C1", "CHANNEL_TYPE=slack",
		"ATTACHMENTS=" + dir + "/inbox/m/a b.txt"} {
		if !strings.Contains("\n"+string(got), "\nTWINBOX_"+want+"\n") {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
	for _, no := range []string{"TWINBOX_THREAD_ID", "TWINBOX_SOURCE_SESSION_ID"} {
		if strings.Contains(string(got), no) {
			t.Errorf("%s is set in\n%s", no, got)
		}
	}
}
