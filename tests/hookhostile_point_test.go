package tests_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
	"github.com/twinbox/twinbox/tests/internal/guest"
)

// hostileChannel is the only one whose sessions and replies a hostile hook sees.
const hostileChannel = "slack"

// at is a guest that gives this answer at a point of its own.
func at(export, answer string) []byte {
	m := does(export, fmt.Sprintf("i64.const %d", guest.AnswerAt<<32|len(answer)))
	m.Pages = (guest.AnswerAt+len(answer))>>16 + 1
	m.Data = map[int]string{guest.AnswerAt: answer}
	return m.Bytes()
}

func hostilePoints() []hostile {
	labels := func(list string) []byte { return at("on_session", `{"action":"replace","labels":`+list+`}`) }
	reply := func(content string) []byte { return at("on_reply", `{"action":"replace","content":`+content+`}`) }
	return []hostile{
		{name: "no labels", module: at("on_session", `{"action":"replace"}`), resolve: true, failure: `without "labels"`},
		{name: "300,000 labels", module: labels(`["x"` + strings.Repeat(`,"x"`, 299_999) + `]`), resolve: true, failure: "JSON of more than 250,000 values"},
		{name: "labels that are no texts", module: labels(`[1,{"x":2},null]`), resolve: true, failure: "which is not a list of texts"},
		{name: "deep labels", module: labels(strings.Repeat("[", 50_000)), resolve: true, failure: "deeper than 512"},
		{name: "a long label", module: labels(`["` + strings.Repeat("x", 30_000) + `"]`), resolve: true, failure: "label has 30000 bytes"},
		{name: "a trap for a session", module: does("on_session", "unreachable").Bytes(), resolve: true, failure: "on_session trapped: unreachable"},
		{name: "an endless on_session", module: does("on_session", endless+"i64.const 0").Bytes(), resolve: true, failure: "on_session ran out of fuel"},
		{name: "a reply that is a number", module: reply(`1`), reply: true, failure: `without "content"`},
		{name: "a reply without content", module: at("on_reply", `{"action":"replace"}`), reply: true, failure: `without "content"`},
		{name: "a removal of a reply", module: at("on_reply", `{"action":"remove"}`), reply: true, failure: `the action "remove"`},
		{name: "a reply of 2 MiB", module: reply(`{"text":"` + strings.Repeat("x", 2<<20) + `"}`), reply: true, limits: map[string]any{"outputBytes": 1 << 20}, failure: "more than the 1,048,576 that are allowed"},
		{name: "a deep reply", module: reply(strings.Repeat(`{"a":`, 50_000)), reply: true, failure: "deeper than 512"},
		{name: "a trap for a reply", module: does("on_reply", "unreachable").Bytes(), reply: true, failure: "on_reply trapped: unreachable"},
		{name: "an endless on_reply", module: does("on_reply", endless+"i64.const 0").Bytes(), reply: true, failure: "on_reply ran out of fuel"},
	}
}

// resolve asks for the session of a chat of its own.
func (a arena) resolve(t *testing.T, channel string) (session, []userError) {
	t.Helper()
	var chat struct {
		EnsureMessagingGroup struct{ MessagingGroup struct{ ID string } }
	}
	a.engine.MustQuery(t, `mutation($type: String!, $platform: String!) {
		ensureMessagingGroup(input: {channelType: $type, platformId: $platform}) { messagingGroup { id } userErrors { message } }
	}`, map[string]any{"type": channel, "platform": t.Name()}, &chat)
	var out struct {
		ResolveSession struct {
			Session    struct{ ID, Folder string }
			UserErrors []userError
		}
	}
	a.engine.MustQuery(t, `mutation($chat: ID!) {
		resolveSession(input: {agentGroupId: "ag", messagingGroupId: $chat, mode: SHARED}) { session { id folder } userErrors { code message } }
	}`, map[string]any{"chat": chat.EnsureMessagingGroup.MessagingGroup.ID}, &out)
	r := out.ResolveSession
	return session{engine: a.engine, id: r.Session.ID, folder: filepath.Join(filepath.Dir(a.folder), filepath.Base(r.Session.Folder))}, r.UserErrors
}

// resolveRefused has the hook called for a session that is not there yet, and
// returns why there is none.
func (a arena) resolveRefused(t *testing.T) []userError {
	t.Helper()
	before := a.folders(t)
	s, errors := a.resolve(t, hostileChannel)
	if after := a.folders(t); s.id != "" || after != before {
		t.Errorf("there is a session %q, and %d folders of %d", s.id, after, before)
	}
	if s, errors := a.resolve(t, "telegram"); s.id == "" {
		t.Errorf("there is no session where the hook is not called: %+v", errors)
	}
	return errors
}

// replyRefused has the hook called for a reply, and returns why that is not
// delivered.
func (a arena) replyRefused(t *testing.T) []userError {
	t.Helper()
	var failed, whole session
	for channel, s := range map[string]*session{hostileChannel: &failed, "telegram": &whole} {
		var errors []userError
		if *s, errors = a.resolve(t, channel); s.id == "" {
			t.Fatalf("there is no session: %+v", errors)
		}
		s.mark(t, "RUNNING")
		foreign.Run(t, "exec", s.folder, "outbound", `INSERT INTO messages_out (id, seq, timestamp, kind, content)
			VALUES ('r1', 1, datetime('now'), 'chat', '{"text":"as the agent wrote it"}')`)
	}
	var lastError string
	until(t, "the reply's failure", func() bool {
		var out struct {
			Reply *struct {
				Delivery struct {
					Status    string
					LastError *string
				}
			}
		}
		failed.engine.MustQuery(t, `query($id: ID!) { reply(sessionId: $id, replyId: "r1") { delivery { status lastError } } }`, map[string]any{"id": failed.id}, &out)
		if out.Reply == nil || out.Reply.Delivery.LastError == nil {
			return false
		}
		if s := out.Reply.Delivery.Status; s != "PENDING" {
			t.Errorf("the reply is %s; it should be tried again", s)
		}
		lastError = *out.Reply.Delivery.LastError
		return true
	})
	var out struct {
		ClaimReplies struct{ Replies []reply }
	}
	until(t, "the other session's reply", func() bool {
		a.engine.MustQuery(t, `mutation($id: ID!) { claimReplies(input: {sessionId: $id}) { replies { replyId contentText } } }`, map[string]any{"id": whole.id}, &out)
		return len(out.ClaimReplies.Replies) > 0
	})
	if r := out.ClaimReplies.Replies; len(r) != 1 || r[0].ContentText != `{"text":"as the agent wrote it"}` {
		t.Errorf("the adapter gets %+v", r)
	}
	// Nobody tries it again.
	a.engine.MustQuery(t, `mutation($id: ID!) { cancelReply(input: {sessionId: $id, replyId: "r1"}) { userErrors { message } } }`, map[string]any{"id": failed.id}, nil)
	return []userError{{Code: "HOOK_FAILED", Message: lastError}}
}
