package tests_test

import (
	"bytes"
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// hooked is a new session whose engine has hooks: names and scripts, in the
// order of their chain.
func hooked(t *testing.T, scripts ...string) session {
	t.Helper()
	if !hooks.HasScripts() {
		t.Skip("QuickJS is missing: make takes it from npm")
	}
	s := newSession(t)
	for i := 0; i < len(scripts); i += 2 {
		s.install(t, scripts[i], scripts[i+1])
	}
	return s
}

// install installs a script; more are further fields of the input.
func (s session) install(t *testing.T, name, script string, more ...map[string]any) {
	t.Helper()
	input := map[string]any{"name": name, "module": base64.StdEncoding.EncodeToString([]byte(script))}
	for _, m := range more {
		maps.Copy(input, m)
	}
	var out struct {
		InstallHook struct{ UserErrors []userError }
	}
	s.engine.MustQuery(t, `mutation($input: InstallHookInput!) { installHook(input: $input) { userErrors { code message field } } }`,
		map[string]any{"input": input}, &out)
	if errors := out.InstallHook.UserErrors; len(errors) > 0 {
		t.Fatalf("install %s: %+v", name, errors)
	}
}

type written struct {
	Outcome string
	Message *struct {
		ContentText string
		Attachments []struct{ Name, Path, MimeType string }
	}
	UserErrors []userError
}

// send writes a message and returns what the engine answered.
func (s session) send(t *testing.T, input map[string]any) written {
	t.Helper()
	input = maps.Clone(input)
	input["sessionId"] = s.id
	var out struct{ WriteMessage written }
	s.engine.MustQuery(t, `mutation($input: WriteMessageInput!) { writeMessage(input: $input) {
		outcome message { contentText attachments { name path mimeType } } userErrors { code message field } } }`, map[string]any{"input": input}, &out)
	return out.WriteMessage
}

// refused is send of a message that is not accepted.
func (s session) refused(t *testing.T, input map[string]any) userError {
	t.Helper()
	w := s.send(t, input)
	if len(w.UserErrors) != 1 || w.Message != nil || w.Outcome != "" {
		t.Fatalf("the answer is %+v; it should be one error", w)
	}
	return w.UserErrors[0]
}

// stored is send of a message that is written, and returns its content as a
// container reads it.
func (s session) stored(t *testing.T, input map[string]any) string {
	t.Helper()
	if w := s.send(t, input); w.Outcome != "WRITTEN" {
		t.Fatalf("the answer is %+v; it should be written", w)
	}
	rows := foreign.Rows(t, s.folder, "inbound", "messages_in")
	return rows[len(rows)-1]["content"].(string)
}

// checkNothingWritten looks at the session's folder with another SQLite.
func (s session) checkNothingWritten(t *testing.T) {
	t.Helper()
	if rows := foreign.Rows(t, s.folder, "inbound", "messages_in"); len(rows) != 0 {
		t.Errorf("messages_in has %v; nothing should be written", rows)
	}
	if files, err := filepath.Glob(filepath.Join(s.folder, "inbox", "*")); err != nil || len(files) != 0 {
		t.Errorf("the inbox has %v, %v", files, err)
	}
}

func saying(text string, attachments ...any) map[string]any {
	content := map[string]any{"text": text}
	if len(attachments) > 0 {
		content["attachments"] = attachments
	}
	return map[string]any{"content": content}
}

func attachment(name, mimeType, bytes string) map[string]any {
	return map[string]any{"name": name, "mimeType": mimeType, "data": base64.StdEncoding.EncodeToString([]byte(bytes))}
}

const shout = `export function onMessage(m) { m.content.text = m.content.text.toUpperCase(); return m }`

func TestARejectedMessageLeavesNothingAndGivesTheHooksReason(t *testing.T) {
	s := hooked(t, "gate", `export function onMessage(m) { if (m.content.text.startsWith("/")) return reject("commands are for operators") }`)
	input := saying("/stop", attachment("a.txt", "text/plain", "a"))
	input["messageId"] = "m1"
	if e := s.refused(t, input); e.Code != "HOOK_REJECTED" || e.Message != "commands are for operators" {
		t.Errorf("the error is %+v", e)
	}
	s.checkNothingWritten(t)
	// Nothing was accepted under the id, so it is free.
	if got := s.stored(t, map[string]any{"messageId": "m1", "content": map[string]any{"text": "please stop"}}); got != `{"text":"please stop"}` {
		t.Errorf("stored: %s", got)
	}
}

func TestAFailingHookFailsTheMessageAndSaysWhatItDid(t *testing.T) {
	s := hooked(t, "shout", shout, "broken", "\nexport function onMessage(m) {\n  return m.content.sender.name\n}")
	e := s.refused(t, saying("hello", attachment("a.txt", "text/plain", "a")))
	for _, part := range []string{`hook "broken" failed at on_message`, "onMessage threw TypeError", ":3:", "nothing was written"} {
		if e.Code != "HOOK_FAILED" || !strings.Contains(e.Message, part) {
			t.Errorf("the error is %+v; it lacks %q", e, part)
		}
	}
	s.checkNothingWritten(t)
}

func TestAHookThatMaySkipLeavesTheMessageAsItWasBeforeIt(t *testing.T) {
	s := hooked(t, "shout", shout)
	s.install(t, "broken", `export function onMessage(m) { m.content.text = "gone"; m.content.attachments = [{ref: "none"}]; return m }`,
		map[string]any{"onFailure": "SKIP"})
	s.install(t, "sign", `export function onMessage(m) { m.content.text += " (seen)"; return m }`)
	if got := s.stored(t, saying("hello")); got != `{"text":"HELLO (seen)"}` {
		t.Errorf("stored: %s", got)
	}
}

func TestAReplayRunsNoHooksAgain(t *testing.T) {
	s := hooked(t, "count", `let n = 0
export function onMessage(m) {
  n++
  if (m.content.text === "drop me") return drop()
  m.content.text += " #" + n
  return m
}`)
	input := func(id, text string) map[string]any {
		return map[string]any{"messageId": id, "content": map[string]any{"text": text}}
	}
	if got := s.stored(t, input("m1", "hello")); got != `{"text":"hello #1"}` {
		t.Fatalf("stored: %s", got)
	}
	for range 3 {
		if w := s.send(t, input("m1", "hello")); w.Outcome != "REPLAYED" || w.Message.ContentText != `{"text":"hello #1"}` {
			t.Errorf("the replay's answer is %+v", w)
		}
	}
	if e := s.refused(t, input("m1", "another")); e.Code != "CONFLICT" {
		t.Errorf("the id with another content: %+v", e)
	}
	if w := s.send(t, input("m2", "drop me")); w.Outcome != "DROPPED" || w.Message != nil {
		t.Errorf("the dropped message's answer is %+v", w)
	}
	if w := s.send(t, input("m2", "drop me")); w.Outcome != "REPLAYED" || w.Message != nil {
		t.Errorf("its replay's answer is %+v", w)
	}
	if e := s.refused(t, input("m2", "keep me")); e.Code != "CONFLICT" {
		t.Errorf("the dropped id with another content: %+v", e)
	}
	if got := s.stored(t, input("m3", "hello")); got != `{"text":"hello #3"}` {
		t.Errorf("stored: %s: the hook should have been called three times", got)
	}
	if rows := foreign.Rows(t, s.folder, "inbound", "messages_in"); len(rows) != 2 {
		t.Errorf("messages_in has %v", rows)
	}
}

func TestAMessageThatIsTwiceInABatchRunsHooksOnce(t *testing.T) {
	s := hooked(t, "count", `let n = 0
export function onMessage(m) { m.content.text += " #" + ++n; return m }`)
	message := func(id, text string) map[string]any {
		return map[string]any{"sessionId": s.id, "messageId": id, "content": map[string]any{"text": text}}
	}
	var out struct{ WriteMessages struct{ Results []written } }
	s.engine.MustQuery(t, `mutation($messages: [WriteMessageInput!]!) { writeMessages(input: {messages: $messages}) {
		results { outcome message { contentText } userErrors { code } } userErrors { message } } }`,
		map[string]any{"messages": []any{message("m1", "a"), message("m1", "a"), message("m2", "b"), message("m1", "c")}}, &out)
	var got []string
	for _, r := range out.WriteMessages.Results {
		if r.Message != nil {
			got = append(got, r.Outcome+r.Message.ContentText)
		} else {
			got = append(got, r.UserErrors[0].Code)
		}
	}
	if want := `WRITTEN{"text":"a #1"} REPLAYED{"text":"a #1"} WRITTEN{"text":"b #2"} CONFLICT`; strings.Join(got, " ") != want {
		t.Errorf("the results are %s\nnot %s", strings.Join(got, " "), want)
	}
}

func TestADroppedMessageWithoutAnIDIsNotKept(t *testing.T) {
	s := hooked(t, "drop", `export function onMessage() { return drop() }`)
	if w := s.send(t, saying("hello", attachment("a.txt", "text/plain", "a"))); w.Outcome != "DROPPED" || w.Message != nil || len(w.UserErrors) > 0 {
		t.Errorf("the answer is %+v", w)
	}
	s.checkNothingWritten(t)
}

func TestSystemResponsesRunNoHooks(t *testing.T) {
	s := hooked(t, "reject", `export function onMessage() { return reject("nothing goes in") }`)
	s.engine.MustQuery(t, `mutation($input: WriteSystemResponseInput!) { writeSystemResponse(input: $input) { message { messageId } userErrors { message } } }`,
		map[string]any{"input": map[string]any{"sessionId": s.id, "requestId": "q1", "status": "success", "result": "yes"}}, nil)
	if rows := foreign.Rows(t, s.folder, "inbound", "messages_in"); len(rows) != 1 {
		t.Errorf("messages_in has %v", rows)
	}
	if e := s.refused(t, map[string]any{"kind": "system", "content": "x"}); e.Code != "HOOK_REJECTED" {
		t.Errorf("a message of kind system that a client wrote: %+v", e)
	}
}

func TestHooksSeeWhatAContainerWillSee(t *testing.T) {
	s := hooked(t, "redact", `export function onMessage(m) {
  if (typeof m.content === "string") return { content: m.content.replaceAll("secret", "[...]") }
  m.content.text = m.content.text.replaceAll("secret", "[...]")
  return m
}`)
	for given, want := range map[string]string{
		"a secret":                                    "a [...]",            // a text stays one
		`{"text":"a secret"}`:                         `{"text":"a [...]"}`, // JSON in a text is what a container reads
		`{"text":"a secret","text":"no"}`:             `{"text":"no"}`,
		`{"text":"no","text":"a secret"}`:             `{"text":"a [...]"}`,
		`{"text":"\u0073ecret", "n":1.50}`:            `{"n":1.50,"text":"[...]"}`,
		`{"text":"clean","big":12345678901234567890}`: `{"big":12345678901234567890,"text":"clean"}`,
	} {
		got := s.stored(t, map[string]any{"content": given})
		if strings.Contains(got, "secret") {
			t.Errorf("%s is stored as %s", given, got)
		}
		if given[0] != '{' && got != want {
			t.Errorf("%s is stored as %s, not %s", given, got, want)
		}
	}
}

func TestAContentThatAContainerCannotReadIsTheHooksFailure(t *testing.T) {
	s := hooked(t)
	for name, answer := range map[string]string{
		"a text that is none":  `{content: {text: 5}}`,
		"a list":               `{content: [1]}`,
		"a number":             `{content: 5}`,
		"no content":           `{content: undefined}`,
		"bytes of its own":     `{content: {text: "x", attachments: [{name: "a", data: "AAAA"}]}}`,
		"an upload of its own": `{content: {text: "x", attachments: [{name: "a", uploadId: "upload-1"}]}}`,
		"bytes in a text":      `{content: JSON.stringify({text: "x", attachments: [{name: "a", data: "AAAA"}]})}`,
		"an unknown ref":       `{content: {text: "x", attachments: [{ref: "att-7"}]}}`,
		"a ref twice":          `{content: {text: "x", attachments: [{ref: "att-0"}, {ref: "att-0"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			s.install(t, "odd", `export function onMessage(m) { return `+answer+` }`)
			if e := s.refused(t, saying("hello", attachment("a.txt", "text/plain", "a"))); e.Code != "HOOK_FAILED" || !strings.Contains(e.Message, `hook "odd" failed`) {
				t.Errorf("the error is %+v", e)
			}
			s.checkNothingWritten(t)
		})
	}
}

// checkFiles compares what lies in the session's inbox.
func (s session) checkFiles(t *testing.T, want map[string]string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.folder, "inbox", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(p)] = string(b)
	}
	if !maps.Equal(got, want) {
		t.Errorf("the inbox has %q, not %q", got, want)
	}
}

const attachmentHook = `export function onAttachment(a) {
  switch (a.name) {
  case "remove.txt": return remove()
  case "reject.txt": return reject("no such files, please")
  case "rename.txt": return { name: "renamed.md", mimeType: "text/markdown" }
  case "replace.txt": return { bytes: new Uint8Array([...a.bytes].reverse()) }
  case "empty.txt": return { bytes: new Uint8Array(0) }
  case "path.txt": return { name: "../../x" }
  case "throw.txt": throw new Error("no luck")
  }
}`

func TestHooksLabelAndRefuseSessions(t *testing.T) {
	s := hooked(t, "label", `export function onSession(session) {
  if (session.threadId === "closed") return reject("this thread is closed")
  return { labels: [session.channelType, session.mode] }
}`)
	var out struct {
		ResolveSession struct {
			Session    *struct{ Labels []string }
			UserErrors []userError
		}
	}
	resolve := func(thread string) {
		out.ResolveSession.Session, out.ResolveSession.UserErrors = nil, nil
		s.engine.MustQuery(t, `mutation($name: String!) {
			ensureMessagingGroup(input: {channelType: "telegram", platformId: $name}) { created }
		}`, map[string]any{"name": t.Name()}, nil)
		var chat struct{ MessagingGroupByPlatform struct{ ID string } }
		s.engine.MustQuery(t, `query($name: String!) { messagingGroupByPlatform(channelType: "telegram", platformId: $name) { id } }`, map[string]any{"name": t.Name()}, &chat)
		s.engine.MustQuery(t, `mutation($input: ResolveSessionInput!) { resolveSession(input: $input) { session { labels } userErrors { code message } } }`,
			map[string]any{"input": map[string]any{"agentGroupId": "ag", "messagingGroupId": chat.MessagingGroupByPlatform.ID, "threadId": thread, "mode": "PER_THREAD"}}, &out)
	}
	resolve("open")
	if r := out.ResolveSession; r.Session == nil || strings.Join(r.Session.Labels, " ") != "telegram PER_THREAD" {
		t.Errorf("resolveSession: %+v", r)
	}
	before := s.folders(t)
	resolve("closed")
	if r := out.ResolveSession; r.Session != nil || len(r.UserErrors) != 1 || r.UserErrors[0].Code != "HOOK_REJECTED" || r.UserErrors[0].Message != "this thread is closed" {
		t.Errorf("resolveSession: %+v", r)
	}
	if after := s.folders(t); after != before {
		t.Errorf("there are %d session folders, %d before", after, before)
	}
}

func (s session) folders(t *testing.T) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(filepath.Dir(s.folder), "sess-*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestHooksApplyWhereTheirScopeSays(t *testing.T) {
	s := hooked(t)
	for name, scope := range map[string]map[string]any{
		"a": {"agentGroupIds": []string{"ag"}}, "b": {"agentGroupIds": []string{"other"}},
		"c": {"channelTypes": []string{"telegram", "slack"}}, "d": {"channelTypes": []string{"slack"}},
		"e": {"kinds": []string{"chat"}}, "f": {"kinds": []string{"task"}},
	} {
		s.install(t, name, `export function onMessage(m) { m.content.text += "`+name+`"; return m }`, map[string]any{"scope": scope, "order": int(name[0])})
	}
	if got := s.stored(t, saying("")); got != `{"text":"ace"}` {
		t.Errorf("stored: %s", got)
	}
	task := saying("")
	task["kind"], task["channelType"] = "task", "slack"
	if got := s.stored(t, task); got != `{"text":"acdf"}` {
		t.Errorf("stored: %s", got)
	}
}

func TestHooksSurviveSIGKILLAndAMissingModuleStopsNobody(t *testing.T) {
	if !hooks.HasScripts() {
		t.Skip("QuickJS is missing: make takes it from npm")
	}
	s := newSession(t)
	data := strings.TrimSuffix(s.folder, filepath.FromSlash(s.folder[strings.Index(s.folder, "v2-sessions"):]))
	s.install(t, "shout", shout)
	s.install(t, "sign", `export function onMessage(m) { m.content.text += "!"; return m }`, map[string]any{"onFailure": "SKIP"})
	if err := s.engine.Kill(); err != nil {
		t.Fatal(err)
	}
	s.engine = engineproc.Start(t, data)
	if got := s.stored(t, saying("hello")); got != `{"text":"HELLO!"}` {
		t.Errorf("after a restart, stored: %s", got)
	}
	if err := s.engine.Kill(); err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Glob(filepath.Join(data, "hooks", "modules", "*"))
	if err != nil || len(modules) != 2 {
		t.Fatalf("the modules are %v, %v", modules, err)
	}
	for _, m := range modules {
		b, err := os.ReadFile(m)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("!")) {
			err = os.Remove(m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.engine = engineproc.Start(t, data)
	if got := s.stored(t, saying("hello")); got != `{"text":"HELLO"}` {
		t.Errorf("with a module missing whose hook may be skipped, stored: %s", got)
	}
	var out struct {
		Hook struct{ Problem *string }
	}
	s.engine.MustQuery(t, `{ hook(name: "sign") { problem } }`, nil, &out)
	if out.Hook.Problem == nil || !strings.Contains(*out.Hook.Problem, "install it again") {
		t.Errorf("the hook's problem is %v", out.Hook.Problem)
	}
}
