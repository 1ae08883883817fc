package hooks_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func testAScriptMayBeAsynchronous(t *testing.T, shared scripts) {
	for body, want := range map[string]string{
		`await null; message.content = "x"; return message`: `REPLACE "x"`,
		`await null`:                           `PASS`,
		`await null; reject("no")`:             `REJECT no`,
		`await null; drop()`:                   `DROP`,
		`await Promise.reject(new Error("x"))`: `FAIL onMessage threw Error: x at script.js:1:69`,
		`return await Promise.all([1, 2].map(async (n) => n)).then((content) => ({ content }))`: `REPLACE [1,2]`,
		`Promise.reject(new Error("nobody waits for it"))`:                                      `PASS`,
	} {
		b := shared.in(t)
		if got, _ := b.tryMessage("export async function onMessage(message) { " + body + " }"); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

func testAScriptIsGivenItsConfiguration(t *testing.T, b scripts) {
	const script = `export const onMessage = (message, config) => ({ content: [config] })`
	for config, want := range map[string]string{"": "[null]", `{"a":[1,{"b":"ü"}]}`: `[{"a":[1,{"b":"ü"}]}]`} {
		got, _ := b.tryMessage(script, func(r *engine.HookRecord) {
			if config != "" {
				r.Config = []byte(config)
			}
		})
		if got != "REPLACE "+want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func testAScriptLogs(t *testing.T, b scripts) {
	_, step := b.tryMessage(`console.info("begun");
export function onMessage(message) {
  console.log("seen", message.id, { n: 1 }, [undefined], undefined, 1n, new TypeError("x"));
  console.debug("a\nb\0");
  console.warn(Symbol("s"));
  console.error("x".repeat(100000));
}`)
	want := []string{`info: begun`, `info: seen m1 {"n":1} [null] undefined 1 TypeError: x`, `debug: a\nb\x00`, `warn: Symbol(s)`}
	if len(step.Log) < 5 || !slices.Equal(step.Log[:4], want) || !strings.HasPrefix(step.Log[4], "error: xxx") {
		t.Errorf("logged %q", step.Log)
	}
	for _, line := range step.Log {
		if len(line) > 17<<10 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

func testAScriptFindsOnlyTheLanguage(t *testing.T, b scripts) {
	got, _ := b.tryMessage(`export const onMessage = () => ({ content: Object.getOwnPropertyNames(globalThis).filter((name) => name.toLowerCase() === name || !/^[A-Z]/.test(name)).sort() })`)
	for _, name := range []string{"std", "os", "print", "require", "process", "fetch", "setTimeout", "scriptArgs", "bjson", "gc", "navigator"} {
		if strings.Contains(got, `"`+name+`"`) {
			t.Errorf("there is a global %s", name)
		}
	}
	for _, name := range []string{"reject", "drop", "remove", "console"} {
		if !strings.Contains(got, `"`+name+`"`) {
			t.Errorf("there is no global %s in %s", name, got)
		}
	}
}

func testAScriptThatChangesTheLanguageHarmsItselfOnly(t *testing.T, shared scripts) {
	for _, c := range []struct{ name, spoil, want string }{
		{"JSON", `JSON.parse = JSON.stringify = () => '{"action":"drop"}'`, `REPLACE {"text":"x"}`},
		{"toJSON of objects", `Object.prototype.toJSON = () => "spoilt"`, `REPLACE "spoilt"`},
		{"then of objects", `Object.prototype.then = (f) => f({ content: "spoilt" })`, `FAIL onMessage ran out of fuel: it was given 40,000,000 units at script.js:2:8`},
		{"then of promises", `Promise.prototype.then = () => { throw 1 }`, `REPLACE {"text":"x"}`},
		{"content of objects", `Object.prototype.action = "drop"; Object.prototype.content = "spoilt"`, `REPLACE {"text":"x"}`},
		{"arrays", `Array.isArray = () => true; Array.prototype.map = Array.prototype.join = null; Array.prototype[Symbol.iterator] = null`, `REPLACE {"text":"x"}`},
		{"texts", `String.prototype.slice = String.prototype.replace = () => "spoilt"`, `REPLACE {"text":"x"}`},
		{"functions", `Function.prototype.call = Function.prototype.apply = Reflect.apply = () => { throw 1 }`, `REPLACE {"text":"x"}`},
		{"the helpers", `globalThis.reject = 1`, `FAIL the script threw TypeError: 'reject' is read-only at script.js:1:1`},
		{"the console", `console.log = 1`, `FAIL the script threw TypeError: 'log' is read-only at script.js:1:1`},
		{"all globals", `for (const name of Object.getOwnPropertyNames(globalThis)) try { delete globalThis[name] } catch {}`, `REPLACE {"text":"x"}`},
		{"setters of objects", `for (const name of ["session", "content", "message", "0", "1"]) Object.defineProperty(Object.prototype, name, { set() { throw 1 }, get() { return 1 } })`, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := shared.in(t)
			got, _ := b.tryMessage(c.spoil + "\nexport function onMessage(message) { return { content: { text: 'x' } } }")
			if c.want == "" {
				t.Log(got)
			} else if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if got, _ := b.tryMessage("export function onMessage(message) { return message }"); !strings.HasPrefix(got, `REPLACE {"text":"Mail`) {
				t.Errorf("after it: %s", got)
			}
		})
	}
}

func testALongScriptIsReadOnce(t *testing.T, b scripts) {
	var script strings.Builder
	for n := range 1_000 {
		fmt.Fprintf(&script, "function f%d(text) {\n%s  return text.replaceAll(\"a\", \"b\");\n}\n", n, strings.Repeat("  text = text.trim();\n", 10))
	}
	script.WriteString("export const onMessage = (message) => ({ content: f999(message.content.text) });\n")
	got, step := b.tryMessage(script.String())
	if want := `REPLACE "Mbil bnn@exbmple.com"`; got != want || step.Fuel > 1_000_000 {
		t.Errorf("%s for %d, want %s", got, step.Fuel, want)
	}
}

func testADryRunOfAScriptIsTheSameEachTime(t *testing.T, b scripts) {
	const script = `const began = Date.now();
export const onMessage = () => ({ content: [began, Date.now(), new Date(0).getTimezoneOffset(), Math.random()] })`
	b.mustUse("used", []byte(script)) // its instances are of a script that was compiled before
	if _, err := b.Run(t.Context(), onMessage("a", &scriptInput{text: messageText(`"x"`)})); err != nil {
		t.Fatal(err)
	}
	first, step := b.tryMessage(script)
	again, step2 := b.tryMessage(script)
	if first != again || step.Fuel != step2.Fuel || !strings.HasPrefix(first, "REPLACE [1767225600000,1767225600000,0,0.") {
		t.Errorf("%s for %d, then %s for %d", first, step.Fuel, again, step2.Fuel)
	}
}

func testAnInstanceOfAScriptKeepsItsVariables(t *testing.T, b scripts) {
	b.mustUse("count", []byte(`let n = 0; export const onMessage = () => ({ content: [++n] })`), func(r *engine.HookRecord) { r.Limits.Instances = 1 })
	for _, c := range []struct{ group, want string }{{"a", "[1]"}, {"a", "[2]"}, {"b", "[1]"}} {
		input := &scriptInput{text: messageText(`"x"`)}
		if _, err := b.Run(t.Context(), onMessage(c.group, input)); err != nil || string(input.answer.Content) != c.want {
			t.Errorf("group %s: %s, %v, want %s", c.group, input.answer.Content, err, c.want)
		}
	}
}

func testAScriptServesManyCallsInLittleMemory(t *testing.T, b scripts) {
	b.mustUse("upper", []byte(upperScript), func(r *engine.HookRecord) { r.Limits.Instances, r.Limits.MemoryBytes = 1, 4<<20 })
	for range 5_000 {
		input := &scriptInput{text: messageText(upperContent)}
		if _, err := b.Run(t.Context(), onMessage("a", input)); err != nil {
			t.Fatal(err)
		}
	}
}

func testAScriptServesManyAttachmentsInLittleMemory(t *testing.T, b scripts) {
	b.mustUse("reverse", []byte(`export function onAttachment(attachment) { attachment.bytes.reverse(); return attachment }`), func(r *engine.HookRecord) {
		r.Limits.Instances, r.Limits.MemoryBytes = 1, 6<<20
	})
	for range 100 {
		input := &scriptInput{text: attachmentText, bytes: strings.Repeat("ab", 256<<10), frame: true}
		if _, err := b.Run(t.Context(), engine.HookCall{Point: engine.HookOnAttachment, Subject: input}); err != nil || input.newBytes != strings.Repeat("ba", 256<<10) {
			t.Fatal(err)
		}
	}
}

func testAScriptServesManyAtOnceFromTheStart(t *testing.T, b scripts) {
	b.mustUse("upper", []byte(upperScript))
	var calls sync.WaitGroup
	for n := range 16 {
		calls.Go(func() {
			input := &scriptInput{text: messageText(`{"text":"x"}`)}
			if _, err := b.Run(t.Context(), onMessage(strconv.Itoa(n%4), input)); err != nil || string(input.answer.Content) != `{"text":"X"}` {
				t.Error(err)
			}
		})
	}
	calls.Wait()
}
