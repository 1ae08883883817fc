package tests_test

import (
	"encoding/base64"
	"strings"
)

func hostileScripts() []hostile {
	whole := func(name, text, failure string) hostile {
		return hostile{name: "a script that " + name, module: []byte(text), failure: failure}
	}
	script := func(name, body, failure string) hostile {
		return whole(name, "export function onMessage(m) {\n"+body+"\n}", failure)
	}
	// A map of some megabytes, and a trace that leads into it many times.
	file := strings.Repeat("s", 2_000_000)
	maps := "\n//# sourceMappingURL=data:application/json;base64," +
		base64.StdEncoding.EncodeToString([]byte(`{"version":3,"sources":["`+file+`"],"names":[],"mappings":"AAAA;AAAA;AAAA"}`))
	trace := `"at f (script:1:9)\n".repeat(100_000)`
	return []hostile{
		script("passes", "", ""),
		script("throws", `throw new Error("\x1b[2J no\n\nERROR all is lost")`, "onMessage threw Error: \ufffd[2J no  ERROR all is lost at script.js:2:"),
		script("loops", "for (;;);", "onMessage ran out of fuel"),
		script("recurses", "const f = () => f() + 1; f()", "Maximum call stack size exceeded at script.js:2:"),
		script("fills memory", "const all = []; for (;;) all.push(new Array(1000).fill(m.id + all.length))", "onMessage ran out of "),
		script("makes a text of a gigabyte", `return {content: "x".repeat(2 ** 30)}`, "invalid string length at script.js:2:"),
		script("doubles a text", `let s = "x"; for (;;) s += s`, "string too long at script.js:2:"),
		script("answers with a getter", `return { get content() { throw new Error("no") } }`, "onMessage threw Error: no at script.js:2:"),
		script("answers something else each time", `let n = 0; return { get content() { return n++ % 2 ? {text: 5} : {text: "x"} } }`, "its answer was refused: text of a task message must be a string"),
		script("answers with a proxy", `return new Proxy({}, { get() { for (;;); } })`, "onMessage ran out of fuel"),
		script("answers with a proxy's keys", `return { content: new Proxy({}, { ownKeys() { for (;;) m.id++ } }) }`, "onMessage ran out of fuel"),
		script("plays with toJSON", `return { content: { toJSON() { for (;;); } } }`, "onMessage ran out of fuel"),
		script("answers with a circle", `const a = {}; a.a = a; return { content: a }`, "onMessage returned a message with content that is not JSON: circular reference"),
		script("answers with a deep list", `let a = []; for (let i = 0; i < 600; i++) a = [a]; return { content: a }`, "deeper than 512"),
		script("answers with half a character", `return { content: { text: "\ud800" } }`, ""),
		script("answers a number", `return 5`, "returned a number without content"),
		whole("pollutes prototypes", `Object.prototype.content = { text: 5 }; Array.prototype.push = Promise.prototype.then = null
export function onMessage() { return {} }`, "its answer was refused: text of a task message must be a string"),
		whole("adds toJSON to all", `Object.prototype.toJSON = () => 5; String.prototype.toJSON = () => "}{"
export function onMessage(m) { return m }`, `without "content"`),
		whole("replaces JSON", `JSON.parse = () => ({}); JSON.stringify = () => "}{"; globalThis.JSON = null; Function.prototype.call = Reflect.apply = null
export function onMessage(m) { m.content.text += "!"; return m }`, ""),
		whole("never settles", `export async function onMessage() { await new Promise(() => {}) }`, "onMessage returned a promise that never settles"),
		whole("queues for ever", `export async function onMessage() { for (;;) await null }`, "onMessage ran out of fuel"),
		whole("never resolves", `const t = { then(f) { f(t) } }
export function onMessage() { return t }`, "onMessage ran out of fuel"),
		whole("makes up a trace", `export function onMessage() { throw { message: "no", stack: `+trace+` } }`+maps, "onMessage threw Error: no at ssss"),
		whole("makes up its traces", `export function onMessage() { Error.prepareStackTrace = () => `+trace+`; for (;;) JSON.stringify({}) }`+maps, "onMessage ran out of fuel"),
		script("logs without end", `for (;;) console.log("x".repeat(1000))`, "onMessage ran out of fuel"),
		script("evaluates without end", `for (;;) (0, eval)("1+" + m.content.text.length)`, "onMessage ran out of fuel"),
		script("matches without end", `return /^(a+)+$/.test("a".repeat(50) + "b")`, "onMessage ran out of fuel"),
	}
}
