package tests_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/tests/internal/guest"
)

// traced is an engine on a data directory, with hooks and a session.
type traced struct {
	*twinbox.Host
	data    string
	session engine.Session
	days    atomic.Int64 // that have passed
}

func (h *traced) open(t *testing.T) {
	t.Helper()
	begun := time.Now()
	var err error
	h.Host, err = twinbox.Open(t.Context(), h.data, twinbox.Options{Retention: engine.RetentionPolicy{ArchiveClosed: 24 * time.Hour},
		Now: func() time.Time { return begun.AddDate(0, 0, int(h.days.Load())).Add(time.Since(begun)) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
}

// answering is a hook that has the same answer to all at a point.
func answering(point, answer string) guest.Module {
	if point == "on_attachment" {
		answer = string(binary.LittleEndian.AppendUint32(nil, uint32(len(answer)))) + answer
	}
	m := guest.Answering(answer)
	m.Functions[slices.IndexFunc(m.Functions, func(f guest.Function) bool { return f.Export == "on_message" })].Export = point
	return m
}

func openTraced(t *testing.T) *traced {
	t.Helper()
	h := &traced{data: t.TempDir()}
	h.open(t)
	if _, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: new("ag"), Name: "AG"}); err != nil {
		t.Fatal(err)
	}
	chat, _, err := h.EnsureMessagingGroup(t.Context(), engine.EnsureMessagingGroupInput{ChannelType: "chat", PlatformID: "C1"})
	if err != nil {
		t.Fatal(err)
	}
	if h.session, _, err = h.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: "ag", MessagingGroupID: &chat.ID}); err != nil {
		t.Fatal(err)
	}
	for _, hook := range []struct {
		name   string
		module guest.Module
		policy engine.HookFailurePolicy
	}{
		{"1-watch", guest.Reactor(), engine.HookFail},
		{"2-redact", answering("on_message", `{"action":"replace","content":{"text":"the password is [gone]","attachments":[{"ref":"att-0","name":"notes"},{"ref":"att-1","name":"plan"}]}}`), engine.HookFail},
		{"3-broken", guest.Reactor(guest.Function{Export: "on_message", Signature: "i32 i32->i64", Code: "unreachable"}), engine.HookSkip},
		{"4-rename", answering("on_attachment", `{"action":"replace","bytes":"keep","name":"file"}`), engine.HookFail},
		{"5-polite", answering("on_reply", `{"action":"replace","content":{"text":"Thank you."}}`), engine.HookFail},
	} {
		mustInstall(t, h.Engine, hook.name, hook.module, engine.HookChanges{OnFailure: &hook.policy, Scope: &engine.HookScopeChanges{Kinds: []string{"chat"}}})
	}
	return h
}

func (h *traced) write(t *testing.T, in engine.WriteMessageInput) *engine.Message {
	t.Helper()
	in.SessionID, in.Trigger = h.session.ID, true
	m, outcome, err := h.WriteMessage(t.Context(), in)
	if err != nil || outcome != engine.OutcomeWritten {
		t.Fatal(outcome, err)
	}
	return m
}

// secret is what hooks take out of a message.
const secret = "hunter2"

func (h *traced) writeSecret(t *testing.T) *engine.Message {
	t.Helper()
	file := func(name string) map[string]any {
		return map[string]any{"name": secret + name, "data": base64.StdEncoding.EncodeToString([]byte("some bytes"))}
	}
	return h.write(t, engine.WriteMessageInput{Content: map[string]any{"text": "the password is " + secret, secret + "@example.com": true,
		"attachments": []any{file("notes"), file("plan")}}})
}

func (h *traced) trace(t *testing.T, m *engine.Message) *engine.HookTrace {
	t.Helper()
	found, err := h.MessageTraces(t.Context(), h.session.ID, []engine.Message{*m})
	if err != nil {
		t.Fatal(err)
	}
	return found[m.ID]
}

// told is a run as the tests compare it: with its changes, as PATH BEFORE>AFTER.
func told(r engine.HookRun) string {
	s := fmt.Sprintf("%s %s %s", r.Hook, r.Point, r.Action)
	if r.Attachment > 0 {
		s += fmt.Sprintf(" %d=%s", r.Attachment, r.Name)
	}
	size := func(n *int64) string {
		if n == nil {
			return ""
		}
		return fmt.Sprint(*n)
	}
	for _, c := range r.Changes {
		s += fmt.Sprintf(" %s %s>%s", c.Path, size(c.Before), size(c.After))
	}
	return s
}

func allTold(runs []engine.HookRun) (all []string) {
	for _, r := range runs {
		all = append(all, told(r))
	}
	return all
}

// checkNoSecret looks through all that the engine has on the disk.
func (h *traced) checkNoSecret(t *testing.T) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(h.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s has what a hook took out", path)
		}
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}

func TestAMessageTellsWhatEachHookDidToItAndNothingOfWhatWasTakenOut(t *testing.T) {
	h := openTraced(t)
	begun := time.Now().Truncate(time.Millisecond)
	m := h.writeSecret(t)
	check := func(when string) {
		t.Helper()
		trace := h.trace(t, m)
		if trace == nil {
			t.Fatalf("%s: nothing is known", when)
		}
		want := []string{
			"1-watch ON_MESSAGE PASS",
			"2-redact ON_MESSAGE REPLACE /attachments/0/name 12>5 /attachments/0/size 2> /attachments/1/name 11>4 /attachments/1/size 2> /* 4> /text 23>22",
			"3-broken ON_MESSAGE SKIPPED",
			"4-rename ON_ATTACHMENT REPLACE 1=file name 5>4",
			"4-rename ON_ATTACHMENT REPLACE 2=file name 4>4",
		}
		if got := allTold(trace.Runs); !slices.Equal(got, want) {
			t.Errorf("%s: %q, not %q", when, got, want)
		}
		if trace.ReceivedAt.Before(begun) || trace.WrittenAt.Before(trace.ReceivedAt) || trace.WrittenAt.After(time.Now()) {
			t.Errorf("%s: received %v, written %v", when, trace.ReceivedAt, trace.WrittenAt)
		}
		for _, r := range trace.Runs {
			hook, err := h.Hook(t.Context(), r.Hook)
			if err != nil || r.Version != hook.Version().SHA256 || r.Took <= 0 || r.Fuel <= 0 {
				t.Errorf("%s: %+v of %s, %v", when, r, hook.Version().SHA256, err)
			}
			if (r.Reason != "") != (r.Action == engine.HookWasPassed) {
				t.Errorf("%s: %s has the reason %q", when, r.Hook, r.Reason)
			}
		}
	}
	check("at once")
	h.checkNoSecret(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h.checkNoSecret(t)
	h.open(t)
	check("after a restart")
}

func TestAReplyTellsWhatHooksDidToIt(t *testing.T) {
	h := openTraced(t)
	h.writeSecret(t) // so that the session is watched
	db, err := sqlite3.Open(filepath.Join(h.data, filepath.FromSlash(h.session.Folder()), "outbound.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Exec(`INSERT INTO messages_out (id, seq, timestamp, kind, content, channel_type, platform_id)
		VALUES ('r1', 1, '2026-01-01T00:00:00Z', 'chat', '{"text":"Thx"}', 'chat', 'C1')`); err != nil {
		t.Fatal(err)
	}
	until(t, "the reply", func() bool {
		taken, err := h.ClaimReplies(t.Context(), engine.ClaimRepliesInput{SessionID: &h.session.ID, Max: 1, LeaseSeconds: 60})
		if err != nil {
			t.Fatal(err)
		}
		return len(taken) == 1
	})
	r, err := h.Reply(t.Context(), h.session.ID, "r1")
	if err != nil {
		t.Fatal(err)
	}
	found, err := h.ReplyTraces(t.Context(), h.session.ID, []engine.Reply{r})
	if err != nil || found["r1"] == nil {
		t.Fatal(found, err)
	}
	if got := allTold(found["r1"].Runs); !slices.Equal(got, []string{"5-polite ON_REPLY REPLACE /text 3>10"}) {
		t.Errorf("%q", got)
	}
}

func TestEachRunOfASeriesTellsWhatHooksDidToIt(t *testing.T) {
	h := openTraced(t)
	if _, err := h.UpdateHook(t.Context(), "1-watch", engine.HookChanges{Scope: &engine.HookScopeChanges{Kinds: []string{}}}); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	first := h.write(t, engine.WriteMessageInput{Kind: "task", Content: map[string]any{"text": "report"}, ProcessAfter: &past, Recurrence: new("* * * * *"), MissedRuns: engine.MissedAll})
	db, err := sqlite3.Open(filepath.Join(h.data, filepath.FromSlash(h.session.Folder()), "outbound.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Exec(`INSERT INTO processing_ack (message_id, status, status_changed) VALUES ('` + first.ID + `', 'completed', datetime('now'))`); err != nil {
		t.Fatal(err)
	}
	var second engine.Message
	until(t, "the next run", func() bool {
		l, err := h.Messages(t.Context(), h.session, engine.Page{Limit: 2}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Items) == 2 {
			second = l.Items[1]
		}
		return second.ID != ""
	})
	until(t, "what hooks did to it", func() bool { return h.trace(t, &second) != nil })
	if trace := h.trace(t, &second); len(trace.Runs) != 1 || trace.Runs[0].Hook != "1-watch" || trace.WrittenAt.IsZero() {
		t.Errorf("%+v", trace)
	}
}

func TestWhatHooksDidGoesWithTheSession(t *testing.T) {
	h := openTraced(t)
	m := h.writeSecret(t)
	if _, err := h.CancelMessage(t.Context(), h.session.ID, m.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.CloseSession(t.Context(), h.session.ID); err != nil {
		t.Fatal(err)
	}
	h.days.Store(3)
	if r, err := h.Retain(t.Context(), 10, false); err != nil || len(r.Steps) != 1 || r.Steps[0].Problem != "" {
		t.Fatal(r, err)
	}
	if _, err := h.RestoreSession(t.Context(), engine.RestoreSessionInput{SessionID: h.session.ID}); err != nil {
		t.Fatal(err)
	}
	if stored, err := h.Message(t.Context(), h.session.ID, m.ID); err != nil || stored.ID != m.ID {
		t.Fatal(stored, err)
	}
	until(t, "it to be forgotten", func() bool { return h.trace(t, m) == nil })
}

// A folder that was put back from a copy gives the numbers of messages that are
// lost to others.
func TestAnotherMessageOfTheSameNumberHasNothingOfIt(t *testing.T) {
	h := openTraced(t)
	m := h.writeSecret(t)
	if h.trace(t, m) == nil {
		t.Fatal("it is not known what hooks did to it")
	}
	another := *m
	another.ID = m.ID + "0"
	if trace := h.trace(t, &another); trace != nil {
		t.Errorf("%+v", trace)
	}
}

func TestOfMessagesThatNoHookSawNothingIsKept(t *testing.T) {
	h := openTraced(t)
	for _, name := range []string{"1-watch", "2-redact", "3-broken"} {
		if _, err := h.UpdateHook(t.Context(), name, engine.HookChanges{Enabled: new(false)}); err != nil {
			t.Fatal(err)
		}
	}
	if trace := h.trace(t, h.write(t, engine.WriteMessageInput{Content: "hello"})); trace != nil {
		t.Errorf("%+v", trace)
	}
}
