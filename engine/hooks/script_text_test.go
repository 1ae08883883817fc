package hooks_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

func mustBundle(t testing.TB, path string) string {
	t.Helper()
	text, err := hooks.Bundle(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func testABundleIsOneScriptThatTellsItsFiles(t *testing.T, b scripts) {
	script := mustBundle(t, "testdata/script/greet.ts")
	for text, want := range map[string]string{
		"hello": `REPLACE {"text":"HELLO!"}`,
		"fail":  `FAIL onMessage threw TypeError: cannot read property 'there' of undefined at lib/shout.ts:4:12, called from greet.ts:10:`,
	} {
		got, _ := b.try(engine.HookOnMessage, script, &scriptInput{text: messageText(`{"text":"` + text + `"}`)})
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func testTypeScriptIsTakenAsItIs(t *testing.T, b scripts) {
	got, _ := b.tryMessage(`
type Kind = 'chat' | 'mail';
enum Size { Small = 1, Large }
abstract class Base<T> { constructor(protected readonly value: T) {} abstract get(): T }
class Of extends Base<Kind> { get() { return this.value satisfies Kind } }
export const onMessage = (message: { content: unknown }, config: null) => ({ content: [new Of('mail').get(), Size.Large, config!] });
`)
	if want := `REPLACE ["mail",2,null]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func testAScriptThatCannotBeTakenSaysWhy(t *testing.T, b scripts) {
	for _, c := range []struct{ name, script, want string }{
		{"a syntax error", "export function onMessage() {\n  return [1, 2;\n}", "script.ts:2:15: Expected \"]\" but found \";\": `return [1, 2;`"},
		{"an import", "import fs from 'node:fs'\nexport function onMessage() { fs.readFileSync('x') }", `the script imports "node:fs"`},
		{"an import of a file", "import './x.js'\nexport function onMessage() {}", `the script imports "./x.js"`},
		{"an import while it runs", "export async function onMessage() { await import('os') }", `the script imports "os"`},
		{"require", "export function onMessage() { require('os') }", `the script imports "os"`},
		{"a re-export", "export * from 'x'", `the script imports "x"`},
		{"no function for a point", "export const x = 1", "exports none of onMessage, onAttachment, onReply and onSession"},
		{"a script that is too long", "export function onMessage() {}//" + strings.Repeat("x", 4<<20), "more than the 4194304 that are allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := b.Add(t.Context(), []byte(c.script))
			if err == nil || !strings.Contains(err.Error(), c.want) || (engine.CodeOf(err) != engine.CodeInvalidInput && engine.CodeOf(err) != engine.CodeLimitExceeded) {
				t.Errorf("%v (%s), want %s", err, engine.CodeOf(err), c.want)
			}
		})
	}
}

func testASourceMapInAFileIsNotRead(t *testing.T, b scripts) {
	path := filepath.Join(t.TempDir(), "hook.js.map")
	if err := os.WriteFile(path, []byte(`{"version":3,"sources":["read.ts"],"sourcesContent":[""],"names":[],"mappings":"AAAA"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	got, _ := b.tryMessage("export function onMessage() { x.y }\n//# sourceMappingURL=file://" + path)
	if want := "FAIL onMessage threw ReferenceError: x is not defined at script.js:1:31"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func testAComputedImportFindsNothing(t *testing.T, b scripts) {
	for _, name := range []string{"os", "std", "qjs:os", "./x.js"} {
		got, _ := b.tryMessage(`export async function onMessage(m, config) { const name = "` + name + `"; return { content: Object.keys(await import(name)) } }`)
		if !strings.HasPrefix(got, "FAIL onMessage threw ReferenceError: could not load module") {
			t.Errorf("import of %s: %s", name, got)
		}
	}
}

func TestABundleStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("outside.js", "export const secret = 1")
	write("hook/node_modules/pkg/index.js", "export const x = 1")
	if err := os.Symlink(filepath.Join(dir, "outside.js"), filepath.Join(dir, "hook", "node_modules", "link.js")); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"import '../outside.js'":                `"../outside.js" is outside of the script's folder`,
		"import './node_modules/link.js'":       `"./node_modules/link.js" is outside of the script's folder`,
		"import 'node:fs'":                      `"node:fs" cannot be imported`,
		"import './none.js'":                    `"./none.js" cannot be imported`,
		"import 'left-pad'":                     `"left-pad" cannot be imported`,
		"export function onMessage( {":          "hook.js:1:",
		"import { x } from 'pkg'; export { x }": "",
	} {
		_, err := hooks.Bundle(write("hook/hook.js", text))
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := hooks.Bundle(filepath.Join(dir, "none.js")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a script that is not there: %v", err)
	}
}
