package hooks_test

import (
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func testAScriptThatFailsTellsItsLine(t *testing.T, shared scripts) {
	small := func(r *engine.HookRecord) { r.Limits.MemoryBytes = 16 << 20; r.Limits.Fuel = 2_000_000_000 }
	for _, c := range []struct {
		name, script string
		want         []string
		change       func(*engine.HookRecord)
	}{
		{"throws", `
export function onMessage(message) {
  return helper(message)
}
function helper(m) {
  return m.content.nothing.there
}`, []string{"onMessage threw TypeError: cannot read property 'there' of undefined at script.js:6:", ", called from script.js:3:"}, nil},
		{"throws a text", `export function onMessage() { throw "why" }`, []string{`onMessage threw "why"`}, nil},
		{"throws nothing", `export function onMessage() { throw undefined }`, []string{"onMessage threw undefined"}, nil},
		{"throws what cannot be told", `export function onMessage() { throw { get message() { throw 1 }, toJSON() { throw 2 } } }`, []string{"onMessage threw an object"}, nil},
		{"throws a proxy", `export function onMessage() { throw new Proxy({}, { get() { for (;;); }, has() { for (;;); } }) }`, []string{"onMessage threw something that cannot be told"}, nil},
		{"throws a long text", `export function onMessage() { throw new Error("x".repeat(100000)) }`, []string{"onMessage threw Error: xxxx", "…", "script.js:1:"}, nil},
		{"loops", `
export function onMessage(message) {
  let n = 0;
  while (true) {
    n += message.id.length;
  }
}`, []string{"onMessage ran out of fuel: it was given 40,000,000 units at script.js:5:"}, nil},
		{"loops over nothing", `
let n = 0;
export function onMessage(message) {
  for (;;) n++;
}`, []string{"onMessage ran out of fuel: it was given 40,000,000 units at script.js:4:"}, nil},
		{"loops and catches all", `
export function onMessage(message) {
  for (;;) {
    try { JSON.stringify(message) } catch {}
  }
}`, []string{"onMessage ran out of fuel", "at script.js:4:"}, nil},
		{"loops in few dear steps", `
export function onMessage() {
  const s = "abcdefghij".repeat(1000);
  for (;;) {
    s.toUpperCase();
  }
}`, []string{"onMessage ran out of fuel", "at script.js:5:"}, nil},
		{"loops in a regular expression", `
export function onMessage() {
  return /^(a+)+$/.test("a".repeat(40) + "b");
}`, []string{"onMessage ran out of fuel", "at script.js:3:"}, nil},
		{"loops after an await", `
export async function onMessage() {
  await null;
  for (;;) Math.random();
}`, []string{"onMessage ran out of fuel", "at script.js:4:"}, nil},
		{"loops and only makes functions", `
export function onMessage() {
  let f = null;
  for (;;) {
    const g = f;
    f = () => g;
  }
}`, []string{"onMessage ran out of fuel: it was given 200,000,000 units at script.js:2:"}, func(r *engine.HookRecord) { r.Limits.Fuel = 200_000_000 }},
		{"recurses", `
const f = (n) => {
  return f(n + 1) + 1;
};
export const onMessage = () => f(0);`, []string{"onMessage threw RangeError: Maximum call stack size exceeded at script.js:3:"}, nil},
		{"recurses through the engine", `
export function onMessage() {
  const o = { toString: () => String(o) };
  return String(o);
}`, []string{"onMessage threw RangeError: Maximum call stack size exceeded at script.js:3:"}, nil},
		{"fills memory with small things", `
export function onMessage() {
  let list = null;
  for (;;) {
    list = { list, n: Math.random() };
  }
}`, []string{"onMessage ran out of memory: its instance has ", " of the 16,777,216 that are allowed (limit memoryBytes) at script.js:5:"}, small},
		{"fills memory with a list", `
export function onMessage() {
  const all = [];
  for (;;) {
    all.push({});
  }
}`, []string{"onMessage ran out of memory: its instance has ", " of the 16,777,216 that are allowed (limit memoryBytes) at script.js:5:"}, small},
		{"doubles a text", `
export function onMessage() {
  let s = "x";
  for (;;) s += s;
}`, []string{"onMessage threw InternalError: string too long at script.js:4:"}, nil},
		{"makes a text of a gigabyte", `
export function onMessage() {
  return { content: "x".repeat(2 ** 30) };
}`, []string{"onMessage threw RangeError: invalid string length at script.js:3:"}, nil},
		{"makes a text of half a gigabyte", `
export function onMessage() {
  return { content: "x".repeat(2 ** 29) };
}`, []string{"onMessage threw InternalError: out of memory at script.js:3:"}, nil},
		{"makes a list of a gigabyte", `
export function onMessage() {
  return { content: new Array(2 ** 27).fill(0) };
}`, []string{"onMessage ", " at script.js:3:"}, nil},
		{"makes a buffer of a gigabyte", `
export function onMessage() {
  return { content: new Uint8Array(2 ** 30).length };
}`, []string{"onMessage threw ", " at script.js:3:"}, nil},
		{"never settles", `export function onMessage() { return new Promise(() => {}) }`, []string{"onMessage returned a promise that never settles"}, nil},
		{"rejects its promise", `
export async function onMessage() {
  await null;
  throw new TypeError("late");
}`, []string{"onMessage threw TypeError: late at script.js:4:"}, nil},
		{"queues for ever", `
export async function onMessage() {
  for (;;) {
    await null;
  }
}`, []string{"onMessage ran out of fuel: it was given 40,000,000 units at script.js:"}, nil},
		{"fails when it begins", `
const x = undefined;
x.y();
export function onMessage() {}`, []string{"the script threw TypeError: cannot read property 'y' of undefined at script.js:3:"}, nil},
		{"loops when it begins", `
for (;;) Math.abs(1);
export function onMessage() {}`, []string{"the script ran out of fuel", "at script.js:2:"}, nil},
		{"waits when it begins", `await new Promise(() => {}); export function onMessage() {}`, []string{"the script returned a promise that never settles"}, nil},
		{"has a pattern that is none", `
export function onMessage() {
  return /(/.test("x");
}`, []string{"the script threw SyntaxError: expecting ')'"}, nil},
		{"exports no function", `export const onMessage = 1`, []string{"the script exports onMessage, which is no function"}, nil},
		{"changes its configuration", `
export function onMessage(message, config) {
  config.words.push("x");
}`, []string{"onMessage threw TypeError: object is not extensible at script.js:3:"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := shared.in(t)
			got, step := b.tryMessage(c.script, func(r *engine.HookRecord) {
				r.Config = []byte(`{"words":["a"]}`)
				if c.change != nil {
					c.change(r)
				}
			})
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s\nis without %s", got, want)
				}
			}
			if step.Action != engine.HookFailed || len(got) > 1600 {
				t.Errorf("%s, of %d bytes", step.Action, len(got))
			}
		})
	}
}
