package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type message struct {
	MessageID, Kind, Status, Recurrence, TimeZone string
	PlatformID, ChannelType                       *string
	Trigger, OnWake                               bool
	Content                                       struct {
		Text        string
		Attachments []object
	}
	Attachments []struct {
		Name, Path, MimeType string
		Size                 int64
	}
}

func TestMessageWriteTakesItsContentFromFlagsOrStandardInput(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	for name, c := range map[string]struct {
		args  []string
		stdin string
	}{
		"text":                {args: []string{"--text", "hello"}},
		"text from stdin":     {args: []string{"--text", "-"}, stdin: "hello\n"},
		"json":                {args: []string{"--json", `{"text":"hello"}`}},
		"json from stdin":     {args: []string{"--json", "-"}, stdin: `{"text":"hello"}`},
		"stdin alone":         {stdin: "hello\n"},
		"context, routed":     {args: []string{"--text", "hello", "--context", "--platform-id", "p", "--channel-type", "c"}},
		"every week, at noon": {args: []string{"--text", "hello", "--recurrence", "0 12 * * 1", "--time-zone", "Europe/Berlin", "--missed-runs", "skip", "--on-wake"}},
	} {
		cmd := s.command(t, append([]string{"message", "write", x.ID, "-o", "ndjson"}, c.args...)...)
		cmd.Stdin = strings.NewReader(c.stdin)
		r := run(t, cmd)
		if r.code != 0 || strings.TrimSpace(r.stderr) != "written" {
			t.Errorf("%s: %+v", name, r)
		}
		mustContain(t, r.stdout, `"content":{"text":"hello"}`)
	}
	var context, weekly int
	for _, m := range must[[]message](t, s, "message", "list", x.ID) {
		if !m.Trigger && *m.PlatformID == "p" && *m.ChannelType == "c" {
			context++
		}
		if m.Recurrence == "0 12 * * 1" && m.TimeZone == "Europe/Berlin" && m.OnWake {
			weekly++
		}
	}
	if context != 1 || weekly != 1 {
		t.Errorf("%d context rows, %d weekly ones", context, weekly)
	}
}

func TestMessageWriteAttachesSmallAndLargeFiles(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	small := []byte("a,b\n1,2\n")
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB: by upload
	dir := t.TempDir()
	m := must[message](t, s, "message", "write", x.ID, "--text", "look", "--attach", mustWrite(t, filepath.Join(dir, "table.csv"), small),
		"--attach", mustWrite(t, filepath.Join(dir, "large.bin"), large))
	if m.Content.Text != "look" || len(m.Attachments) != 2 {
		t.Fatalf("written %+v", m)
	}
	for i, want := range [][]byte{small, large} {
		if got := mustRead(t, filepath.Join(s.workspace(x), m.Attachments[i].Path)); !bytes.Equal(got, want) {
			t.Errorf("%s has %d bytes, not the %d sent", m.Attachments[i].Path, len(got), len(want))
		}
	}
}

func TestMessageWriteAgainIsAnsweredWithTheFirstResult(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	write := []string{"message", "write", x.ID, "--id", "m1", "--text"}
	must[message](t, s, append(write, "hello")...)
	if r := s.engine(t, append(write, "hello")...); r.code != 0 || strings.TrimSpace(r.stderr) != "replayed" {
		t.Errorf("the same again: %+v", r)
	}
	r := s.engine(t, append(write, "other")...)
	if r.code != 4 || r.stdout != "" {
		t.Errorf("another text: %+v", r)
	}
	mustContain(t, r.stderr, "messageId: ", "(CONFLICT)")
	if shown := must[message](t, s, "message", "show", x.ID, "m1"); shown.Content.Text != "hello" {
		t.Errorf("shows %+v", shown)
	}
}

func TestSystemResponse(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	m := must[object](t, s, "message", "system-response", x.ID, "--request", "q1", "--status", "answered", "--result", `{"selectedOption":"yes"}`)
	content := m["content"].(object)
	if m["kind"] != "system" || content["questionId"] != "q1" || content["selectedOption"] != "yes" {
		t.Errorf("written %v", m)
	}
}

type reply struct {
	ReplyID, InReplyTo string
	Content            struct{ Text string }
	Delivery           struct{ Status string }
	Attachments        []struct{ Name string }
}

// agent runs the container's side on all that is due.
func (s *server) agent(t *testing.T, x session, script string) {
	t.Helper()
	if r := run(t, command(t, "agent", "--workspace", s.workspace(x), "--once", "--", "sh", "-c", script)); r.code != 0 {
		t.Fatalf("engine agent: %+v", r)
	}
}

func TestRepliesAreWaitedForShownAndDownloaded(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	m := must[message](t, s, "message", "write", x.ID, "--text", "hello")
	wait := s.command(t, "reply", "wait", x.ID, "--in-reply-to", m.MessageID, "-o", "json")
	waited := make(chan result, 1)
	go func() { waited <- run(t, wait) }()
	s.agent(t, x, `echo report >"$TWINBOX_OUTBOX/report.txt"; tr a-z A-Z`)
	if r := <-waited; r.code != 0 || !strings.Contains(r.stdout, `"HELLO"`) {
		t.Fatalf("wait: %+v", r)
	}
	list := must[[]reply](t, s, "reply", "list", x.ID, "--status", "pending")
	if len(list) != 1 || list[0].InReplyTo != m.MessageID || list[0].Content.Text != "HELLO" || list[0].Delivery.Status != "PENDING" {
		t.Fatalf("lists %+v", list)
	}
	id := list[0].ReplyID
	if shown := must[reply](t, s, "reply", "show", x.ID, id); shown.Attachments[0].Name != "report.txt" {
		t.Errorf("shows %+v", shown)
	}
	dir := filepath.Join(t.TempDir(), "new")
	path := filepath.Join(dir, "report.txt")
	if r := s.engine(t, "reply", "files", x.ID, id, "--dir", dir); r.code != 0 || strings.TrimSpace(r.stdout) != path {
		t.Errorf("files: %+v", r)
	}
	if got := string(mustRead(t, path)); got != "report\n" {
		t.Errorf("downloaded %q", got)
	}
	mustWrite(t, path, []byte("mine"))
	if r := s.engine(t, "reply", "files", x.ID, id, "--dir", dir); r.code != 4 || string(mustRead(t, path)) != "mine" {
		t.Errorf("over a file of mine: %+v", r)
	}
	if r := s.engine(t, "reply", "files", x.ID, id, "--dir", dir, "--force"); r.code != 0 || string(mustRead(t, path)) != "report\n" {
		t.Errorf("with --force: %+v", r)
	}
}

func TestReplyWaitEndsWhereThereWillBeNone(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	m := must[message](t, s, "message", "write", x.ID, "--text", "hello")
	if r := s.engine(t, "reply", "wait", x.ID, "--timeout", "300ms", "--in-reply-to", m.MessageID); r.code != 8 || r.stdout != "" {
		t.Errorf("nobody answers: %+v", r)
	}
	if r := s.engine(t, "reply", "wait", x.ID, "--in-reply-to", "unknown"); r.code != 3 {
		t.Errorf("no such message: %+v", r)
	}
	s.agent(t, x, "exit 3")
	r := s.engine(t, "reply", "wait", x.ID, "--in-reply-to", m.MessageID)
	if r.code != 1 {
		t.Errorf("the message failed: %+v", r)
	}
	mustContain(t, r.stderr, "FAILED")
}

func TestListsFollowPages(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	const n = 130
	var batch []object
	for i := range n {
		batch = append(batch, object{"sessionId": x.ID, "messageId": fmt.Sprintf("m%03d", i), "content": object{"text": "hello"}})
	}
	writeAll(t, s, batch[:100])
	writeAll(t, s, batch[100:])
	ids := func(list []message) string {
		var all []string
		for _, m := range list {
			all = append(all, m.MessageID)
		}
		return strings.Join(all, " ")
	}
	all := must[[]message](t, s, "message", "list", x.ID, "--all")
	if len(all) != n || all[0].MessageID != "m000" || all[n-1].MessageID != "m129" {
		t.Errorf("--all: %s", ids(all))
	}
	if got := must[[]message](t, s, "message", "list", x.ID, "--last", "110"); ids(got) != ids(all[20:]) {
		t.Errorf("--last 110: %s", ids(got))
	}
	if got := must[[]message](t, s, "message", "list", x.ID); len(got) != 100 {
		t.Errorf("by default: %d", len(got))
	}
	r := s.engine(t, "message", "list", x.ID, "--limit", "3")
	_, cursor, more := strings.Cut(strings.TrimSpace(r.stderr), "--after ")
	if lines := strings.Count(r.stdout, "\n"); r.code != 0 || lines != 4 || !more || strings.Count(r.stdout, "  hello\n") != 3 {
		t.Fatalf("--limit 3: %+v", r)
	}
	if got := must[[]message](t, s, "message", "list", x.ID, "--limit", "2", "--after", cursor); ids(got) != "m003 m004" {
		t.Errorf("--after: %s", ids(got))
	}
	if r := s.engine(t, "message", "list", x.ID, "--all", "-o", "ndjson"); strings.Count(r.stdout, "\n") != n {
		t.Errorf("ndjson has %d lines", strings.Count(r.stdout, "\n"))
	}
	if r := s.engine(t, "reply", "list", x.ID, "-o", "json"); r.stdout != "[]\n" {
		t.Errorf("an empty list: %+v", r)
	}
}

func writeAll(t *testing.T, s *server, batch []object) {
	t.Helper()
	r := s.engine(t, "api", `mutation($i: WriteMessagesInput!) { writeMessages(input: $i) { results { outcome userErrors { message } } } }`,
		"--variables", mustJSON(t, object{"i": object{"messages": batch}}))
	if r.code != 0 || strings.Count(r.stdout, "WRITTEN") != len(batch) {
		t.Fatalf("write: %+v", r)
	}
}

func TestATerminalObeysNothingThatAnAgentSays(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	const hostile = "\x1b[2J\x07\u009b31m\u202egnp.exe\r\n"
	m := must[message](t, s, "message", "write", x.ID, "--json", mustJSON(t, object{"text": hostile}))
	if m.Content.Text != hostile {
		t.Errorf("read back as JSON: %q", m.Content.Text)
	}
	s.agent(t, x, `printf 'x\033[2J\302\233y' ; echo >"$TWINBOX_OUTBOX/$(printf '\342\200\256gnp.txt')"`)
	replies := must[[]reply](t, s, "reply", "list", x.ID)
	if len(replies) != 1 {
		t.Fatalf("replies: %+v", replies)
	}
	for _, args := range [][]string{
		{"message", "list", x.ID}, {"message", "show", x.ID, m.MessageID}, {"message", "list", x.ID, "-o", "json"}, {"message", "list", x.ID, "-o", "ndjson"},
		{"reply", "list", x.ID}, {"reply", "show", x.ID, replies[0].ReplyID}, {"reply", "files", x.ID, replies[0].ReplyID, "--dir", t.TempDir()},
		{"message", "show", x.ID, hostile}, {"session", hostile},
		{"api", `{ session(id: "` + x.ID + `") { messages { nodes { contentText } } } }`},
	} {
		r := s.engine(t, args...)
		for _, b := range r.stdout + r.stderr {
			if b != '\n' && (b < ' ' || b == 0x7f || b >= 0x80 && b < 0xa0 || b == '\u202e') {
				t.Errorf("%q prints %U", args, b)
			}
		}
	}
}

// some asks for a list until there is something in it: the engine sees what an
// agent writes a moment later.
func some[T any](t *testing.T, s *server, args ...string) []T {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); {
		if list := must[[]T](t, s, args...); len(list) > 0 {
			return list
		}
	}
	t.Fatalf("%q lists nothing", args)
	return nil
}

func TestRepliesAreClaimedMarkedAndRetried(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	x := s.session(t)
	must[message](t, s, "message", "write", x.ID, "--text", "hello")
	s.agent(t, x, "tr a-z A-Z")
	list := some[reply](t, s, "reply", "claim", "--session", x.ID)
	id := list[0].ReplyID
	if list[0].Content.Text != "HELLO" {
		t.Errorf("claimed %+v", list)
	}
	if again := must[[]reply](t, s, "reply", "claim"); len(again) != 0 {
		t.Errorf("claimed twice: %+v", again)
	}
	if r := s.engine(t, "reply", "mark", x.ID, id, "lost"); r.code != 2 {
		t.Errorf("no outcome: %+v", r)
	}
	if failed := must[reply](t, s, "reply", "mark", x.ID, id, "failed", "--error", "the chat is gone"); failed.Delivery.Status != "FAILED" {
		t.Errorf("marked %+v", failed)
	}
	if list := must[[]reply](t, s, "reply", "unsettled", "--status", "failed"); len(list) != 1 || list[0].ReplyID != id {
		t.Errorf("unsettled: %+v", list)
	}
	if retried := must[reply](t, s, "reply", "retry", x.ID, id); retried.Delivery.Status != "PENDING" {
		t.Errorf("retried %+v", retried)
	}
	if sent := must[reply](t, s, "reply", "mark", x.ID, id, "delivered", "--platform-message-id", "7"); sent.Delivery.Status != "DELIVERED" {
		t.Errorf("marked %+v", sent)
	}
	if list := must[[]reply](t, s, "reply", "unsettled"); len(list) != 0 {
		t.Errorf("unsettled: %+v", list)
	}
}

func TestRepliesArePausedResumedAndCancelled(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serve(t, data)
	x := s.session(t)
	must[message](t, s, "message", "write", x.ID, "--text", "hello")
	s.agent(t, x, "tr a-z A-Z")
	list := some[reply](t, s, "reply", "unsettled")
	id := list[0].ReplyID
	if paused := must[reply](t, s, "reply", "pause", x.ID, id); paused.Delivery.Status != "PAUSED" {
		t.Errorf("paused %+v", paused)
	}
	s.end(t, os.Interrupt)
	if found := run(t, command(t, "doctor", "--data", data)); found.code != 0 {
		t.Errorf("engine doctor: %+v", found)
	}
	s = serve(t, data)
	s.end(t, os.Kill)
	s = serve(t, data)
	if list := must[[]reply](t, s, "reply", "unsettled", "--status", "paused"); len(list) != 1 || list[0].ReplyID != id {
		t.Errorf("paused after the engine was killed: %+v", list)
	}
	if got := must[[]reply](t, s, "reply", "claim"); len(got) != 0 {
		t.Errorf("claimed %+v", got)
	}
	if resumed := must[reply](t, s, "reply", "resume", x.ID, id); resumed.Delivery.Status != "PENDING" {
		t.Errorf("resumed %+v", resumed)
	}
	if cancelled := must[reply](t, s, "reply", "cancel", x.ID, id); cancelled.Delivery.Status != "CANCELLED" {
		t.Errorf("cancelled %+v", cancelled)
	}
	if list := must[[]reply](t, s, "reply", "list", x.ID, "--status", "cancelled"); len(list) != 1 {
		t.Errorf("cancelled: %+v", list)
	}
	if r := s.engine(t, "reply", "resume", x.ID, id); r.code == 0 || !strings.Contains(r.stderr, "it is cancelled") {
		t.Errorf("a cancelled reply was resumed: %+v", r)
	}
	must[reply](t, s, "reply", "retry", x.ID, id)
	if got := must[[]reply](t, s, "reply", "claim"); len(got) != 1 || got[0].ReplyID != id {
		t.Errorf("retried, and claimed %+v", got)
	}
}
