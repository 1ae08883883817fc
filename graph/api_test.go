package graph_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// data is an answer's data; errors fail the test.
func (w *world) data(t *testing.T, query string, variables map[string]any) map[string]any {
	t.Helper()
	var response struct {
		Data   map[string]any
		Errors []any
	}
	mustDecode(t, w.query(t, query, variables), &response)
	if len(response.Errors) > 0 {
		t.Fatalf("errors %v", response.Errors)
	}
	return response.Data
}

func (w *world) id(name string) string {
	for id, n := range w.names {
		if n == "$"+name {
			return id
		}
	}
	return ""
}

func TestOneVariableForTwoMessagesKeepsItsAttachments(t *testing.T) {
	t.Parallel()
	w := mustWorld(t)
	w.populate(t)
	got := w.data(t, `mutation($s: ID!, $c: JSON!) {
		a: writeMessage(input: {sessionId: $s, content: $c}) { message { attachments { size } } }
		b: writeMessage(input: {sessionId: $s, content: $c}) { message { attachments { size } } }
	}`, map[string]any{"s": w.id("SESSION"), "c": map[string]any{"attachments": []any{map[string]any{"name": "a.txt", "data": "aGVsbG8="}}}})
	for _, alias := range []string{"a", "b"} {
		if text := fmt.Sprint(got[alias]); !strings.Contains(text, "size:5") {
			t.Errorf("%s is %s", alias, text)
		}
	}
}

func TestAReplayIsKnownWhetherContentIsAVariableOrALiteral(t *testing.T) {
	t.Parallel()
	w := mustWorld(t)
	w.populate(t)
	got := w.data(t, `mutation($s: ID!, $c: JSON!) {
		a: writeMessage(input: {sessionId: $s, messageId: "x", content: $c}) { outcome }
		b: writeMessage(input: {sessionId: $s, messageId: "x", content: {text: "hi", n: 5, f: 1.5, list: [true, null]}}) { outcome }
	}`, map[string]any{"s": w.id("SESSION"), "c": map[string]any{"text": "hi", "n": 5, "f": 1.5, "list": []any{true, nil}}})
	if text := fmt.Sprint(got); text != "map[a:map[outcome:WRITTEN] b:map[outcome:REPLAYED]]" {
		t.Errorf("got %s", text)
	}
}

func TestPagesForwardAndBackwardMissNothing(t *testing.T) {
	t.Parallel()
	w := mustWorld(t)
	w.populate(t)
	s := w.id("THREAD")
	var want []string
	for i := range 7 {
		id := fmt.Sprint("m", i)
		if _, _, err := w.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s, MessageID: &id, Content: "x"}); err != nil {
			t.Fatal(err)
		}
		want = append(want, id)
	}
	const forward = `query($s: ID!, $at: String) { session(id: $s) { messages(first: 3, after: $at) {
		nodes { messageId } pageInfo { more: hasNextPage at: endCursor } } } }`
	const backward = `query($s: ID!, $at: String) { session(id: $s) { messages(last: 3, before: $at) {
		nodes { messageId } pageInfo { more: hasPreviousPage at: startCursor } } } }`
	for name, query := range map[string]string{"forward": forward, "backward": backward} {
		var got []string
		var at *string
		for range 10 {
			var response struct {
				Data struct {
					Session struct {
						Messages struct {
							Nodes    []struct{ MessageID string }
							PageInfo struct {
								More bool
								At   *string
							}
						}
					}
				}
			}
			mustDecode(t, w.query(t, query, map[string]any{"s": s, "at": at}), &response)
			l := response.Data.Session.Messages
			var ids []string
			for _, n := range l.Nodes {
				ids = append(ids, n.MessageID)
			}
			if query == forward {
				got = append(got, ids...)
			} else {
				got = append(ids, got...)
			}
			if at = l.PageInfo.At; !l.PageInfo.More {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestIDsAreUniqueOverSessions(t *testing.T) {
	t.Parallel()
	w := mustWorld(t)
	w.populate(t)
	id := "m1"
	if _, _, err := w.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: w.id("THREAD"), MessageID: &id, Content: "x"}); err != nil {
		t.Fatal(err)
	}
	const query = `query($a: ID!, $b: ID!) { a: message(sessionId: $a, messageId: "m1") { id } b: message(sessionId: $b, messageId: "m1") { id }
		again: session(id: $a) { messages(first: 1) { nodes { id } } } r: reply(sessionId: $a, replyId: "r1") { id } }`
	var response struct {
		Data struct {
			A, B, R struct{ ID string }
			Again   struct {
				Messages struct{ Nodes []struct{ ID string } }
			}
		}
	}
	mustDecode(t, w.query(t, query, map[string]any{"a": w.id("SESSION"), "b": w.id("THREAD")}), &response)
	d := response.Data
	if d.A.ID == "" || d.B.ID == "" || d.R.ID == "" || d.A.ID == d.B.ID || d.A.ID == d.R.ID || d.A.ID != d.Again.Messages.Nodes[0].ID {
		t.Errorf("got %+v", d)
	}
}

func TestAFaultIsLoggedUnderItsRequestAndItsCauseKept(t *testing.T) {
	t.Parallel()
	w := mustWorld(t)
	w.populate(t)
	body := w.query(t, `query($s: ID!) { message(sessionId: $s, messageId: "m") { id } }`, map[string]any{"s": w.id("BROKEN")})
	var response struct {
		Errors []struct {
			Extensions struct{ RequestID, Code string }
		}
	}
	mustDecode(t, body, &response)
	if len(response.Errors) != 1 || response.Errors[0].Extensions.Code != "UNAVAILABLE" || response.Errors[0].Extensions.RequestID == "" {
		t.Fatalf("got %s", body)
	}
	if want := "request=" + response.Errors[0].Extensions.RequestID; !strings.Contains(w.log.String(), want) {
		t.Errorf("the log has no %s:\n%s", want, w.log)
	}
	if strings.Contains(string(body), w.dir) {
		t.Errorf("the client is told where the data is: %s", body)
	}
}

func TestWhatAContainerWroteMakesNoAnswerUnreadable(t *testing.T) {
	t.Parallel()
	w := mustWorld(t)
	w.populate(t)
	s, err := w.Session(t.Context(), w.id("SESSION"))
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, w.dir+"/"+s.Folder()+"/outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, in_reply_to, content) VALUES
		('x1', 11, '2026-01-31 12:00:00', CAST(x'ff00' AS TEXT), CAST(x'fe' AS TEXT), CAST(x'7b2261223a22ff227d' AS TEXT)),
		('x2', 13, '2026-01-31 12:00:00', 'chat', NULL, '{"a":1}garbage'),
		('x3', 15, '2026-01-31 12:00:00', 'chat', NULL, '[1, {"b":  "<>"}]')`)
	body := w.query(t, `query($s: ID!) { session(id: $s) { replies(last: 3) { nodes { replyId kind inReplyTo content contentText problem } } } }`, map[string]any{"s": s.ID})
	if !json.Valid(body) || !strings.Contains(string(body), `"content":[1, {"b":  "<>"}]`) || !strings.Contains(string(body), `"content":"{\"a\":1}garbage"`) {
		t.Errorf("got %s", body)
	}
}
