package hooks_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

// scripts is a host for scripts, each of which is tried by itself.
type scripts struct{ *bench }

func mustOpenScripts(t testing.TB) scripts {
	t.Helper()
	if !hooks.HasQuickJS() {
		t.Skip("QuickJS is not in this build: make engine/hooks/quickjs/quickjs.wasm")
	}
	return scripts{mustOpen(t)}
}

// in is for the test t, on the same host.
func (b scripts) in(t testing.TB) scripts { return scripts{&bench{Host: b.Host, t: t}} }

// scriptInput is what a script is given, and what it made of it.
type scriptInput struct {
	text, bytes string
	frame       bool
	answer      *engine.HookAnswer
	newBytes    string
}

func (s *scriptInput) InputBytes() int64 { return int64(len(s.text) + len(s.bytes)) }

func (s *scriptInput) Release() {}

func (s *scriptInput) AppendInput(_ context.Context, b []byte) ([]byte, error) {
	if s.frame {
		return append(b, frame(s.text, s.bytes)...), nil
	}
	return append(b, s.text...), nil
}

func (s *scriptInput) Replace(a engine.HookAnswer) error {
	s.newBytes = string(a.Bytes)
	a.Content, a.Bytes = append(json.RawMessage(nil), a.Content...), nil
	s.answer = &a
	return nil
}

func (s *scriptInput) Describe() json.RawMessage { return json.RawMessage("null") }

// try calls a script at a point, and returns what it came to as one line.
func (b scripts) try(p engine.HookPoint, script string, input *scriptInput, change ...func(*engine.HookRecord)) (string, engine.HookStep) {
	b.t.Helper()
	r := b.mustAdd("script", []byte(script), change...)
	steps, _, err := b.DryRun(b.t.Context(), engine.HookCall{Point: p, Subject: input}, []engine.HookRecord{r})
	if err != nil {
		b.t.Fatal(err)
	}
	step := steps[0]
	result := string(step.Action)
	if step.Reason != nil {
		result += " " + *step.Reason
	}
	if input.answer != nil {
		result += " " + string(input.answer.Content)
	}
	return strings.TrimSpace(result), step
}

func (b scripts) tryMessage(script string, change ...func(*engine.HookRecord)) (string, engine.HookStep) {
	return b.try(engine.HookOnMessage, script, &scriptInput{text: messageText(`{"text":"Mail ann@example.com"}`)}, change...)
}

func messageText(content string) string {
	return `{"abi":1,"point":"on_message","session":{"id":"s1","agentGroupId":"g1","messagingGroupId":null,"threadId":null,"mode":"shared","labels":["vip"]},` +
		`"message":{"id":"m1","kind":"chat","timestamp":"2026-01-02T03:04:05Z","platformId":"p1","channelType":"mail","threadId":null,"sourceSessionId":null,"trigger":true,"content":` + content + `}}`
}

// TestScripts shares a host: QuickJS takes seconds to compile.
func TestScripts(t *testing.T) {
	shared := mustOpenScripts(t)
	for name, test := range map[string]func(*testing.T, scripts){
		"AScriptAnswersAMessage":                       testAScriptAnswersAMessage,
		"AScriptThatFailsTellsItsLine":                 testAScriptThatFailsTellsItsLine,
		"AScriptAnswersAnAttachment":                   testAScriptAnswersAnAttachment,
		"AScriptRenamesAnAttachment":                   testAScriptRenamesAnAttachment,
		"ALargeAttachmentGoesThroughAScript":           testALargeAttachmentGoesThroughAScript,
		"AScriptLabelsASession":                        testAScriptLabelsASession,
		"AScriptAnswersAReply":                         testAScriptAnswersAReply,
		"AScriptMayBeAsynchronous":                     testAScriptMayBeAsynchronous,
		"AScriptIsGivenItsConfiguration":               testAScriptIsGivenItsConfiguration,
		"AScriptLogs":                                  testAScriptLogs,
		"AScriptFindsOnlyTheLanguage":                  testAScriptFindsOnlyTheLanguage,
		"AScriptThatChangesTheLanguageHarmsItselfOnly": testAScriptThatChangesTheLanguageHarmsItselfOnly,
		"AScriptServesManyAttachmentsInLittleMemory":   testAScriptServesManyAttachmentsInLittleMemory,
		"AScriptServesManyAtOnceFromTheStart":          testAScriptServesManyAtOnceFromTheStart,
		"ALongScriptIsReadOnce":                        testALongScriptIsReadOnce,
		"ADryRunOfAScriptIsTheSameEachTime":            testADryRunOfAScriptIsTheSameEachTime,
		"AnInstanceOfAScriptKeepsItsVariables":         testAnInstanceOfAScriptKeepsItsVariables,
		"AScriptServesManyCallsInLittleMemory":         testAScriptServesManyCallsInLittleMemory,
		"ABundleIsOneScriptThatTellsItsFiles":          testABundleIsOneScriptThatTellsItsFiles,
		"TypeScriptIsTakenAsItIs":                      testTypeScriptIsTakenAsItIs,
		"AScriptThatCannotBeTakenSaysWhy":              testAScriptThatCannotBeTakenSaysWhy,
		"ASourceMapInAFileIsNotRead":                   testASourceMapInAFileIsNotRead,
		"AComputedImportFindsNothing":                  testAComputedImportFindsNothing,
	} {
		t.Run(name, func(t *testing.T) { test(t, shared.in(t)) })
	}
}

func testAScriptAnswersAMessage(t *testing.T, b scripts) {
	for _, c := range []struct{ name, body, want string }{
		{"nothing passes", ``, `PASS`},
		{"null passes", `return null`, `PASS`},
		{"a change that is not returned passes", `message.content.text = "x"`, `PASS`},
		{"the message with changed content", `message.content.text = message.content.text.toUpperCase(); return message`, `REPLACE {"text":"MAIL ANN@EXAMPLE.COM"}`},
		{"new content", `return { ...message, content: { text: "x" } }`, `REPLACE {"text":"x"}`},
		{"content that is a text", `return { content: "x" }`, `REPLACE "x"`},
		{"what the message has", `return { content: [message.id, message.kind, message.channelType, message.platformId, message.threadId, message.timestamp, message.trigger, message.session.labels] }`,
			`REPLACE ["m1","chat","mail","p1",null,"2026-01-02T03:04:05Z",true,["vip"]]`},
		{"reject", `reject("no"); return message`, `REJECT no`},
		{"return reject", `return reject("no")`, `REJECT no`},
		{"reject that is caught", `try { reject("no") } catch {} ; return message`, `REJECT no`},
		{"reject without a reason", `reject()`, `REJECT the hook "script" refused it`},
		{"drop", `drop()`, `DROP`},
		{"remove is for attachments", `remove()`, `FAIL onMessage threw Error: remove() can be called while onAttachment runs at script.js:2:1`},
		{"lone surrogates", `return { content: { text: "a\ud800b\udc00" } }`, `REPLACE {"text":"a\ud800b\udc00"}`},
		{"a nul and beyond the first plane", `return { content: "\0😀é" }`, `REPLACE "\u0000😀é"`},
		{"an array", `return []`, `FAIL onMessage returned an array: return the message with its content, or nothing`},
		{"a text", `return "x"`, `FAIL onMessage returned a string without content: return the message with its content, or nothing`},
		{"a cycle", `message.content.self = message.content; return message`, `FAIL onMessage returned a message with content that is not JSON: circular reference`},
		{"a big integer", `return { content: { n: 1n } }`, `FAIL onMessage returned a message with content that is not JSON: BigInt are forbidden in JSON.stringify`},
		{"a function", `return { content: () => 1 }`, `FAIL onMessage returned a message with content that is not JSON: a function`},
		{"a number", `return { content: 1 }`, `FAIL it answered with "replace" without "content": an object, a list or a text`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := b.in(t)
			if got, _ := b.tryMessage("export function onMessage(message, config) {\n" + c.body + "\n}"); got != c.want {
				t.Errorf("%s\n%s, want\n%s", c.body, got, c.want)
			}
		})
	}
}
