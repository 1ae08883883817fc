package graph_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// sse reads a text/event-stream.
type sse struct {
	*bufio.Scanner
	response *http.Response
}

// block is one event of a stream, by the names of its fields.
type block map[string]string

// next returns the next event; nil at the stream's end. Comments are skipped.
func (s *sse) next() block {
	b := block{}
	for s.Scan() {
		switch name, value, _ := strings.Cut(s.Text(), ":"); {
		case s.Text() == "" && len(b) > 0:
			return b
		case name != "":
			b[name] = strings.TrimPrefix(value, " ")
		}
	}
	return nil
}

// open sends a request, with the token unless headers say otherwise.
func (w *world) open(t *testing.T, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// stream opens a stream, whose status must be 200.
func (w *world) stream(t *testing.T, method, path, body string, headers ...string) *sse {
	t.Helper()
	response := w.open(t, method, path, body, append([]string{"Accept", "text/event-stream"}, headers...)...)
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		b, _ := io.ReadAll(response.Body)
		t.Fatalf("%s %s: %s, %s", path, response.Status, response.Header.Get("Content-Type"), b)
	}
	return &sse{bufio.NewScanner(response.Body), response}
}

// chat makes a world with a session.
func mustChat(t *testing.T) (*world, engine.Session) {
	t.Helper()
	w := mustWorld(t)
	id := "support"
	must(t)(w.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: &id, Name: "Support"}))
	return w, w.mustSession(t, "SESSION", engine.ResolveSessionInput{AgentGroupID: id})
}

func (w *world) mustWrite(t *testing.T, s engine.Session, id string) {
	t.Helper()
	if _, _, err := w.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: &id, Content: "hello"}); err != nil {
		t.Fatal(err)
	}
}

func TestPlainEventsAreReplayedThenFollowed(t *testing.T) {
	w, s := mustChat(t)
	w.mustWrite(t, s, "m1")
	events := w.stream(t, http.MethodGet, "/events?after=0&sessionId="+s.ID+"&types=MESSAGE_WRITTEN,SESSION_CLOSED", "")
	if b := events.next(); b["id"] != "0" || b["retry"] == "" || b["data"] != "" {
		t.Fatalf("begins with %v", b)
	}
	want := fmt.Sprintf(`{"cursor":"2","type":"MESSAGE_WRITTEN","at":"2026-01-31T12:00:00.000Z","sessionId":"%s","messageId":"m1"}`, s.ID)
	if b := events.next(); b["id"] != "2" || b["data"] != want {
		t.Errorf("event is %v, not %s", b, want)
	}
	w.mustWrite(t, s, "m2")
	must(t)(w.CloseSession(t.Context(), s.ID))
	for _, part := range []string{`"messageId":"m2"`, "SESSION_CLOSED"} {
		if b := events.next(); !strings.Contains(b["data"], part) {
			t.Errorf("event is %v, and should have %s", b, part)
		}
	}
}

func TestAnEventSourceComesBackWithItsLastEventID(t *testing.T) {
	w, s := mustChat(t)
	for i := range 5 {
		w.mustWrite(t, s, fmt.Sprint("m", i))
	}
	events := w.stream(t, http.MethodGet, "/events?after=0&follow=false", "", "Last-Event-ID", "4")
	var seen []string
	for b := events.next(); b != nil; b = events.next() {
		seen = append(seen, b["id"])
	}
	if got := strings.Join(seen, " "); got != "4 5 6" {
		t.Errorf("ids are %s", got)
	}
}

func TestRequestsForEventsThatAreRefused(t *testing.T) {
	w, _ := mustChat(t)
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		status       int
	}{
		"no token":       {"GET", "/events", []string{"Authorization", ""}, 401},
		"wrong token":    {"GET", "/events", []string{"Authorization", "Bearer guess"}, 401},
		"foreign page":   {"GET", "/events", []string{"Origin", "https://evil.example"}, 403},
		"foreign host":   {"GET", "/events", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"method":         {"POST", "/events", nil, 405},
		"cursor":         {"GET", "/events?after=x", nil, 400},
		"last event":     {"GET", "/events", []string{"Last-Event-ID", "-1"}, 400},
		"type":           {"GET", "/events?types=NEWS", nil, 400},
		"no type":        {"GET", "/events?types=", nil, 400},
		"session":        {"GET", "/events?sessionId=sess-none", nil, 400},
		"parameter":      {"GET", "/events?type=SESSION_CREATED", nil, 400},
		"follow":         {"GET", "/events?follow=1", nil, 400},
		"query":          {"GET", "/events?a=%zz", nil, 400},
		"over GET":       {"GET", "/graphql?query=subscription{events{cursor}}", []string{"Accept", "text/event-stream"}, 406},
		"not a stream":   {"POST", "/graphql", []string{"Accept", "application/json"}, 406},
		"without accept": {"POST", "/graphql", nil, 406},
	} {
		body := ""
		if c.path == "/graphql" {
			body = `{"query": "subscription { events { cursor } }"}`
		}
		response := w.open(t, c.method, c.path, body, c.headers...)
		if b, _ := io.ReadAll(response.Body); response.StatusCode != c.status || !json.Valid(b) {
			t.Errorf("%s: %s %s, not %d", name, response.Status, b, c.status)
		}
	}
}

func TestSubscriptionOverSSE(t *testing.T) {
	w := mustWorld(t)
	w.populate(t)
	w.installHooks(t)
	query := `subscription($s: ID) { events(after: "0", sessionId: $s) {
		type sessionId messageId replyId hookName session { id } message { messageId contentText } reply { id } hook { name } } }`
	events := w.stream(t, http.MethodPost, "/graphql", mustJSON(t, map[string]any{"query": query, "variables": map[string]any{"s": w.resolved("$SESSION")}}))
	for _, want := range []string{
		`{"data":{"events":{"type":"SESSION_CREATED","sessionId":"$SESSION","messageId":null,"replyId":null,"hookName":null,"session":{"id":"$SESSION"},"message":null,"reply":null,"hook":null}}}`,
		`{"data":{"events":{"type":"MESSAGE_WRITTEN","sessionId":"$SESSION","messageId":"m1","replyId":null,"hookName":null,"session":{"id":"$SESSION"},"message":{"messageId":"m1","contentText":`,
	} {
		b := events.next()
		if got := w.named(b["data"]); b["event"] != "next" || !strings.HasPrefix(got, want) {
			t.Errorf("event %q is %s, not %s", b["event"], got, want)
		}
	}
	hooks := w.stream(t, http.MethodPost, "/graphql", `{"query": "subscription { events(after: \"0\", types: [HOOK_CHANGED]) { hookName hook { name } } }"}`)
	var shown struct {
		Data struct {
			Events struct {
				HookName string
				Hook     *struct{ Name string }
			}
		}
	}
	mustDecode(t, []byte(hooks.next()["data"]), &shown)
	if e := shown.Data.Events; e.HookName == "" || e.Hook == nil || e.Hook.Name != e.HookName {
		t.Errorf("event is %+v", shown)
	}
	must(t)(nil, w.RemoveHook(t.Context(), shown.Data.Events.HookName))
	gone := w.stream(t, http.MethodPost, "/graphql", `{"query": "subscription { events(after: \"0\", types: [HOOK_CHANGED]) { hookName hook { name } } }"}`)
	if got := gone.next()["data"]; !strings.HasSuffix(got, `"hook":null}}}`) {
		t.Errorf("what is gone is shown as %s", got)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A stream is the only answer that such a client takes, so it is told in it.
func TestWhatCannotBeStreamedEndsAfterItsErrors(t *testing.T) {
	w, _ := mustChat(t)
	for name, c := range map[string]struct{ query, want string }{
		"invalid":        {"subscription { nothing }", `"GRAPHQL_VALIDATION_FAILED"`},
		"cursor":         {`subscription { events(after: "x") { cursor } }`, `"INVALID_INPUT"`},
		"no session":     {`subscription { events(sessionId: "x") { cursor } }`, `"NOT_FOUND"`},
		"too large":      {`subscription { events { session { messages(first: 100) { nodes { content } } } } }`, `"LIMIT_EXCEEDED"`},
		"introspection":  {`subscription { __typename }`, `"errors"`},
		"two":            {`subscription { a: events { cursor } b: events { cursor } }`, `"errors"`},
		"none":           {`subscription { events @skip(if: true) { cursor } }`, `"errors"`},
		"a query":        {`{ agentGroup(id: "support") { name } }`, `{"data":{"agentGroup":{"name":"Support"}}}`},
		"several at one": {`subscription { ...f } fragment f on Subscription { events { cursor } x: events { cursor } }`, `"errors"`},
	} {
		events := w.stream(t, http.MethodPost, "/graphql", mustJSON(t, map[string]any{"query": c.query}))
		if b := events.next(); b["event"] != "next" || !strings.Contains(b["data"], c.want) {
			t.Errorf("%s: %v", name, b)
		}
		if b := events.next(); b["event"] != "complete" {
			t.Errorf("%s: and then %v", name, b)
		}
		if b := events.next(); b != nil {
			t.Errorf("%s: and then %v", name, b)
		}
	}
}

func TestErrorsOfAnEventsFieldsHaveTheirPath(t *testing.T) {
	w := mustWorld(t)
	w.populate(t)
	s := w.resolved("$BROKEN")
	events := w.stream(t, http.MethodPost, "/graphql", mustJSON(t, map[string]any{"query": `subscription { e: events(after: "0", sessionId: "` + s + `") { session { all: messages { nodes { content } } } } }`}))
	if got := events.next()["data"]; !strings.Contains(got, `"path":["e","session","all"]`) {
		t.Error(got)
	}
}

func TestStreamsAreCapped(t *testing.T) {
	w, s := mustChat(t)
	w.serve(t, 3)
	for range 3 {
		w.stream(t, http.MethodGet, "/events", "").next()
	}
	for path, body := range map[string]string{"/events": "", "/graphql": `{"query": "subscription { events { cursor } }"}`} {
		method := http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
		if r := w.open(t, method, path, body, "Accept", "text/event-stream"); r.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	w.mustWrite(t, s, "m1") // the rest goes on
}

func TestStreamsEndWhenTheHandlerIsClosed(t *testing.T) {
	w, _ := mustChat(t)
	plain := w.stream(t, http.MethodGet, "/events", "")
	plain.next()
	subscription := w.stream(t, http.MethodPost, "/graphql", `{"query": "subscription { events(after: \"0\") { type } }"}`)
	subscription.next()
	w.handler.Close()
	if b := plain.next(); b != nil || plain.Err() != nil {
		t.Errorf("%v, %v", b, plain.Err())
	}
	// Without "complete", after which a client would not come back.
	if b := subscription.next(); b != nil || subscription.Err() != nil {
		t.Errorf("%v, %v", b, subscription.Err())
	}
	if r := w.open(t, http.MethodGet, "/events", ""); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new stream: %s", r.Status)
	}
	if got := string(w.query(t, `{ agentGroup(id: "support") { name } }`, nil)); !strings.Contains(got, "Support") {
		t.Errorf("a query: %s", got)
	}
}

// In this world no time passes, so a hook that fails always is told of once.
func TestHookThatFailsIsAnEventOnceASecondAtMost(t *testing.T) {
	w, s := mustChat(t)
	w.install(t, "h", "BROKEN", engine.HookChanges{})
	for i := range 3 {
		id := fmt.Sprint("m", i)
		_, _, err := w.WriteMessage(t.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: &id, Content: "hello"})
		if engine.CodeOf(err) != engine.CodeHookFailed {
			t.Fatalf("written: %v", err)
		}
	}
	must(t)(nil, w.RemoveHook(t.Context(), "h"))
	events := w.stream(t, http.MethodGet, "/events?after=0&follow=false&types=HOOK_FAILED,HOOK_CHANGED,MESSAGE_WRITTEN", "")
	events.next()
	var seen []string
	for b := events.next(); b != nil; b = events.next() {
		var e struct{ Type, HookName string }
		mustDecode(t, []byte(b["data"]), &e)
		seen = append(seen, e.Type+" "+e.HookName)
	}
	if got := strings.Join(seen, ", "); got != "HOOK_CHANGED h, HOOK_FAILED h, HOOK_CHANGED h" {
		t.Errorf("events are %s", got)
	}
}

// Whoever was away for longer than events are kept is told, whichever way it
// asks.
func TestACursorThatIsTooOldIsToldToResync(t *testing.T) {
	w, s := mustChat(t)
	w.mustWrite(t, s, "m1")
	first := func() string {
		events := w.stream(t, http.MethodGet, "/events?after=1", "")
		defer events.response.Body.Close()
		events.next() // how soon to come back
		return events.next()["data"]
	}
	first() // it has its time
	w.days.Store(8)
	must(t)(nil, w.Close())
	w.start(t)
	w.mustWrite(t, s, "m2")
	// The engine has removed what was old at its start once it tells of more: it
	// looks again when an hour has passed since.
	events := w.stream(t, http.MethodGet, "/events?after=0", "")
	for b := events.next(); !strings.Contains(b["data"], `"m2"`); b = events.next() {
		if b == nil {
			t.Fatal("m2 was not told of")
		}
	}
	must(t)(nil, events.response.Body.Close())
	w.days.Store(9)
	w.mustWrite(t, s, "m3")
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !strings.Contains(first(), "RESYNC_REQUIRED") { // until the old ones are removed
		must(t)(nil, deadline.Err())
	}
	const query = `subscription { events(after: "1", types: [MESSAGE_WRITTEN]) { type messageId } }`
	stream := w.stream(t, http.MethodPost, "/graphql", mustJSON(t, map[string]any{"query": query}))
	c := w.mustSocket(t)
	c.subscribe("a", query)
	for i, want := range []string{`{"data":{"events":{"type":"RESYNC_REQUIRED","messageId":null}}}`, `{"data":{"events":{"type":"MESSAGE_WRITTEN","messageId":"m2"}}}`} {
		if got := stream.next()["data"]; got != want {
			t.Errorf("event %d of the stream is %s", i, got)
		}
		if got := string(c.hear().Payload); got != want {
			t.Errorf("event %d of the WebSocket is %s", i, got)
		}
	}
}

func TestOperationsAreToldOfAndHooksHaveAHistoryOverTheAPI(t *testing.T) {
	w := mustWorld(t)
	w.populate(t)
	w.installHooks(t)
	w.waitIndexed(t)
	w.operate(t)
	events := w.stream(t, http.MethodPost, "/graphql", `{"query": "subscription { events(after: \"0\", types: [OPERATION_CHANGED]) { type operationId operation { status total done } } }"}`)
	const want = `{"data":{"events":{"type":"OPERATION_CHANGED","operationId":"hold","operation":{"status":"COMPLETED","total":1,"done":1}}}}`
	for _, when := range []string{"begun", "ended"} { // shown as it is now
		if got := events.next()["data"]; got != want {
			t.Errorf("that it has %s is told as %s", when, got)
		}
	}
	plain := w.stream(t, http.MethodGet, "/events?after=0&types=OPERATION_CHANGED", "")
	b := plain.next()
	for b != nil && b["data"] == "" { // where the reader stands
		b = plain.next()
	}
	if !strings.Contains(b["data"], `"operationId":"hold"`) {
		t.Errorf("as plain events: %v", b)
	}
	var out struct {
		Errors []struct{ Message string }
		Data   struct {
			Hooks []struct {
				History []struct{ Calls, Failures int }
			}
		}
	}
	mustDecode(t, w.query(t, `{ hooks { history { at calls failures p50Micros p95Micros } } }`, nil), &out)
	if len(out.Errors) > 0 || len(out.Data.Hooks) == 0 || out.Data.Hooks[0].History == nil {
		t.Errorf("histories: %+v", out)
	}
	mustDecode(t, w.query(t, `{ hooks { history(minutes: 241) { at } } }`, nil), &out)
	if len(out.Errors) == 0 || !strings.Contains(out.Errors[0].Message, "1 to 240") {
		t.Errorf("a history of more than four hours: %+v", out)
	}
}
