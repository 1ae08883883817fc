package tests_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine/hooks"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
	"github.com/twinbox/twinbox/tests/internal/guest"
)

// reviewed are hooks of each shape that say of a reply that it was reviewed.
func reviewed() map[string][]byte {
	const answer = `{"action":"replace","content":{"text":"reviewed"}}`
	reactor := guest.Answering(answer)
	reactor = reactor.With(
		guest.Function{Export: "on_reply", Signature: "i32 i32->i64", Code: fmt.Sprintf("i64.const %d", guest.AnswerAt<<32|len(answer))},
		guest.Function{Export: "on_message", Signature: "i32 i32->i64", Code: "i64.const 0"})
	// A program that writes the list of one buffer at 64 to its standard output.
	command := guest.Command("i32.const 1 i32.const 64 i32.const 1 i32.const 72 call 0 drop").
		Importing(guest.Import{Module: "wasi_snapshot_preview1", Name: "fd_write", Signature: "i32 i32 i32 i32->i32"})
	command.Data = map[int]string{64: "\x00\x10\x00\x00" + string(rune(len(answer))) + "\x00\x00\x00", guest.AnswerAt: answer}
	shapes := map[string][]byte{"reactor": reactor.Bytes(), "command": command.Bytes()}
	if hooks.HasScripts() {
		shapes["script"] = []byte(`export function onReply(r) { if (r.content.text === "as the agent wrote it") { r.content.text = "reviewed"; return r } }`)
	}
	return shapes
}

func TestHooksOfEachShapeChangeRepliesOnTheirWayOut(t *testing.T) {
	s := newSession(t)
	s.mark(t, "RUNNING")
	for shape, module := range reviewed() {
		t.Run(shape, func(t *testing.T) {
			if e := s.tryInstall(t, shape, module, map[string]any{"points": []string{"ON_REPLY"}}); len(e) > 0 {
				t.Fatal(e)
			}
			defer s.removeHook(t, shape)
			n := len(s.replies(t))
			foreign.Run(t, "exec", s.folder, "outbound", fmt.Sprintf(`INSERT INTO messages_out (id, seq, timestamp, kind, content)
				VALUES ('%s', %d, datetime('now'), 'chat', '{"text":"as the agent wrote it"}')`, shape, 2*n+1))
			var out struct {
				ClaimReplies struct{ Replies []reply }
			}
			until(t, "the reply", func() bool {
				s.engine.MustQuery(t, `mutation { claimReplies(input: {channelTypes: ["telegram"], max: 1}) { replies { replyId contentText } } }`, nil, &out)
				return len(out.ClaimReplies.Replies) == 1
			})
			if r := out.ClaimReplies.Replies[0]; r.ReplyID != shape || r.ContentText != `{"text":"reviewed"}` {
				t.Errorf("the adapter gets %+v", r)
			}
			s.engine.MustQuery(t, `mutation($input: MarkDeliveredInput!) { markDelivered(input: $input) { userErrors { message } } }`,
				map[string]any{"input": map[string]any{"sessionId": s.id, "replyId": shape}}, nil)
			// What is on disk is the container's.
			if rows := foreign.Rows(t, s.folder, "outbound", "messages_out"); rows[n]["content"] != `{"text":"as the agent wrote it"}` {
				t.Errorf("the container's row is %v", rows[n])
			}
		})
	}
}

func TestHooksOfEachShapeAreTriedOnStoredReplies(t *testing.T) {
	s := newSession(t)
	s.mark(t, "RUNNING")
	foreign.Run(t, "exec", s.folder, "outbound", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r1', 1, datetime('now'), 'chat', '{"text":"as the agent wrote it"}')`)
	until(t, "the reply", func() bool { return len(s.replies(t)) == 1 })
	for shape, module := range reviewed() {
		if e := s.tryInstall(t, shape, module, map[string]any{"points": []string{"ON_REPLY"}, "enabled": false}); len(e) > 0 {
			t.Fatal(e)
		}
		var out struct {
			DryRunHooks struct {
				Result     string
				Content    json.RawMessage
				Steps      []struct{ Action string }
				UserErrors []userError
			}
		}
		s.engine.MustQuery(t, `mutation($input: DryRunHooksInput!) { dryRunHooks(input: $input) { result content steps { action } userErrors { message } } }`,
			map[string]any{"input": map[string]any{"point": "ON_REPLY", "sessionId": s.id, "messageId": "r1", "hook": shape}}, &out)
		d := out.DryRunHooks
		if d.Result != "REPLACE" || len(d.Steps) != 1 || d.Steps[0].Action != "REPLACE" || string(d.Content) != `{"text":"reviewed"}` {
			t.Errorf("%s: %+v, %s", shape, d, d.Content)
		}
	}
	if r := s.replies(t)[0]; r.ContentText != `{"text":"as the agent wrote it"}` {
		t.Errorf("the reply is %+v: a dry run changes nothing", r)
	}
}

func TestEachRunOfASeriesPassesThroughHooksAsItWasWritten(t *testing.T) {
	s := hooked(t, "sign", `export function onMessage(m) { m.content.prompt += "!"; return m }`)
	s.write(t, "report", map[string]any{"prompt": "report"}, map[string]any{"kind": "task", "recurrence": "* * * * *", "missedRuns": "ALL",
		"processAfter": time.Now().UTC().Truncate(time.Minute).Add(-time.Hour).Format(time.RFC3339)})
	for n := range 3 {
		var rows []map[string]any
		until(t, "the next run", func() bool {
			rows = foreign.Rows(t, s.folder, "inbound", "messages_in")
			return len(rows) == n+1
		})
		if rows[n]["content"] != `{"prompt":"report!"}` {
			t.Errorf("run %d is %v", n, rows[n])
		}
		foreign.Run(t, "exec", s.folder, "outbound", fmt.Sprintf(`INSERT INTO processing_ack VALUES ('%s', 'completed', datetime('now'))`, rows[n]["id"]))
	}
}
