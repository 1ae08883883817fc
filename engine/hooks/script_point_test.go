package hooks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

const attachmentText = `{"abi":1,"point":"on_attachment","session":{"id":"s1","agentGroupId":"g1","messagingGroupId":null,"threadId":null,"mode":"shared","labels":["vip"]},` +
	`"message":{"id":"m1","kind":"chat","timestamp":"2026-01-02T03:04:05Z","platformId":"p1","channelType":"mail","threadId":null,"sourceSessionId":null,"trigger":true},` +
	`"attachment":{"ref":"att-0","name":"a.txt","mimeType":"text/plain","size":5}}`

func testAScriptAnswersAnAttachment(t *testing.T, shared scripts) {
	for _, c := range []struct{ name, body, want, bytes string }{
		{"nothing passes", ``, `PASS`, ""},
		{"a change that is not returned passes", `attachment.bytes.fill(0)`, `PASS`, ""},
		{"what it has", `reject([attachment.ref, attachment.name, attachment.mimeType, attachment.size, attachment.bytes.length, attachment.message.id, attachment.session.id].join())`,
			`REJECT att-0,a.txt,text/plain,5,5,m1,s1`, ""},
		{"the attachment with changed bytes", `attachment.bytes.reverse(); return attachment`, `REPLACE`, "olleh"},
		{"new bytes", `return { bytes: new Uint8Array([1, 0, 255]) }`, `REPLACE`, "\x01\x00\xff"},
		{"a part of the bytes", `return attachment.bytes.subarray(1, 3)`, `REPLACE`, "el"},
		{"a buffer", `return { bytes: new Uint16Array([0x6261]).buffer }`, `REPLACE`, "ab"},
		{"another view", `return { bytes: new DataView(attachment.bytes.buffer, 3) }`, `REPLACE`, "lo"},
		{"no bytes", `return { bytes: new Uint8Array() }`, `REPLACE`, ""},
		{"remove", `remove()`, `REMOVE`, ""},
		{"reject", `return reject("no " + attachment.name)`, `REJECT no a.txt`, ""},
		{"bytes that are a text", `return { bytes: "x" }`, `FAIL onAttachment returned an attachment whose bytes are no Uint8Array`, ""},
		{"bytes that went elsewhere", `attachment.bytes.buffer.transfer(); return attachment`, `FAIL onAttachment returned an attachment whose bytes were transferred away`, ""},
		{"a text", `return "x"`, `FAIL onAttachment returned a string: return the attachment, an object with bytes, name or mimeType, or nothing`, ""},
		{"more than is allowed", `return new Uint8Array(1 << 20)`, `FAIL onAttachment returned 1,048,614 bytes, more than the 1,000,000 that are allowed (limit outputBytes)`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := shared.in(t)
			input := &scriptInput{text: attachmentText, bytes: "hello", frame: true}
			got, _ := b.try(engine.HookOnAttachment, "export function onAttachment(attachment) {\n"+c.body+"\n}", input, func(r *engine.HookRecord) { r.Limits.OutputBytes = 1_000_000 })
			if got != c.want || input.newBytes != c.bytes {
				t.Errorf("%s: %s with %q, want %s with %q", c.body, got, input.newBytes, c.want, c.bytes)
			}
		})
	}
}

func testAScriptRenamesAnAttachment(t *testing.T, b scripts) {
	input := &scriptInput{text: attachmentText, bytes: "hello", frame: true}
	got, _ := b.try(engine.HookOnAttachment, `export const onAttachment = () => ({ name: "b.png", mimeType: "image/png" })`, input)
	if a := input.answer; got != "REPLACE" || *a.Name != "b.png" || *a.MimeType != "image/png" || a.ReplaceBytes {
		t.Errorf("%s: %+v", got, a)
	}
}

func testALargeAttachmentGoesThroughAScript(t *testing.T, b scripts) {
	input := &scriptInput{text: attachmentText, bytes: strings.Repeat("0123456789abcdef", 1<<20), frame: true}
	got, step := b.try(engine.HookOnAttachment, `export function onAttachment(attachment) { attachment.bytes[0] = 65; return attachment }`, input)
	if got != "REPLACE" || input.newBytes != "A"+input.bytes[1:] {
		t.Errorf("%s, %d bytes, %d fuel", got, len(input.newBytes), step.Fuel)
	}
}

func testAScriptLabelsASession(t *testing.T, shared scripts) {
	const text = `{"abi":1,"point":"on_session","session":{"id":"s1","agentGroupId":"g1","messagingGroupId":null,"threadId":null,"mode":"shared","labels":["vip"],"channelType":"mail","platformId":null}}`
	for _, c := range []struct {
		body, want string
		labels     []string
	}{
		{``, "PASS", nil},
		{`return [...session.labels, session.channelType]`, "REPLACE", []string{"vip", "mail"}},
		{`session.labels.push("x"); return session`, "REPLACE", []string{"vip", "x"}},
		{`return { labels: [] }`, "REPLACE", []string{}},
		{`reject("no " + session.platformId)`, "REJECT no null", nil},
		{`return {}`, "FAIL onSession returned a object without labels: return an array of labels, an object with labels, or nothing", nil},
		{`drop()`, "FAIL onSession threw Error: drop() can be called while onMessage or onReply runs at script.js:1:38", nil},
	} {
		b := shared.in(t)
		input := &scriptInput{text: text}
		got, _ := b.try(engine.HookOnSession, "export function onSession(session) { "+c.body+" }", input)
		var labels []string
		if input.answer != nil {
			labels = input.answer.Labels
		}
		if got != c.want || !slices.Equal(labels, c.labels) {
			t.Errorf("%s: %s %q, want %s %q", c.body, got, labels, c.want, c.labels)
		}
	}
}

func testAScriptAnswersAReply(t *testing.T, b scripts) {
	input := &scriptInput{text: `{"abi":1,"point":"on_reply","session":{"id":"s1"},"reply":{"id":"r1","kind":"chat","platformId":"p1","channelType":"mail","threadId":null,"content":{"text":"hi"}}}`}
	got, _ := b.try(engine.HookOnReply, `export function onReply(reply) { reply.content.text += reply.id + reply.session.id; return reply }`, input)
	if want := `REPLACE {"text":"hir1s1"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
