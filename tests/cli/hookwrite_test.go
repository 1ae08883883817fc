package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/compiled"
)

// trials prepares commands that try a hook on this machine, without an engine.
// They share what they compile.
func trials(t *testing.T) func(args ...string) *exec.Cmd {
	t.Helper()
	cache := t.TempDir()
	compiled.Share(t, filepath.Join(cache, "twinbox", "hooks"))
	return func(args ...string) *exec.Cmd {
		c := command(t, append([]string{"hook"}, args...)...)
		c.Env = append(c.Env, "XDG_CACHE_HOME="+cache)
		return c
	}
}

// project makes a hook in a language, and skips where its tools are missing.
func project(t *testing.T, lang, name string, tools ...string) string {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed, which hooks in %s are built with", tool, lang)
		}
	}
	dir := filepath.Join(t.TempDir(), name)
	if r := run(t, command(t, "hook", "new", "--lang", lang, name, "--dir", dir)); r.code != 0 {
		t.Fatalf("new: %+v", r)
	}
	return dir
}

var plainBinary = sync.OnceValues(func() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	to := filepath.Join(filepath.Dir(self), "plain", "engine")
	out, err := exec.Command("go", "build", "-o", to, "github.com/twinbox/twinbox/cmd/engine").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build cmd/engine: %w\n%s", err, out)
	}
	return to, nil
})

// plain lets a command run without the race detector, which makes compiling a
// large module take longer than it may.
func plain(t *testing.T, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	c.Path = bin
	return c
}

// TestTheTemplateOfEachLanguageBuildsAndPassesItsFixtures is what a newcomer
// does first.
func TestTheTemplateOfEachLanguageBuildsAndPassesItsFixtures(t *testing.T) {
	t.Parallel()
	for lang, tools := range map[string][]string{
		"go": {"go"}, "c": {"clang", "wasm-ld"}, "rust": {"rustc"}, "assemblyscript": {"node", "npm"}, "javascript": nil, "typescript": nil,
	} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			if tools == nil {
				requireScripts(t)
			}
			dir := project(t, lang, "greet", tools...)
			trial := trials(t)
			r := run(t, plain(t, trial("test", dir)))
			if r.code != 0 {
				skipWithoutTarget(t, r)
				t.Fatalf("test: %+v", r)
			}
			mustContain(t, r.stdout, "ok ", " fuel\n")
			if again := run(t, plain(t, trial("test", dir))); again.stdout != r.stdout {
				t.Errorf("it cost\n%sand the second time\n%s", r.stdout, again.stdout)
			}
			checkTemplateFuel(t, lang, run(t, plain(t, trial("bench", dir, "--calls", "20", "-o", "json"))))
		})
	}
}

// skipWithoutTarget skips where a toolchain is installed without its
// WebAssembly part.
func skipWithoutTarget(t *testing.T, r result) {
	t.Helper()
	for _, says := range []string{"wasm32-unknown-unknown", "was not found", "npm error", "libclang_rt"} {
		if strings.Contains(r.stderr, says) {
			t.Skipf("a toolchain is not complete: %s", r.stderr)
		}
	}
}

func TestAModuleIsBuiltWhereItIsWanted(t *testing.T) {
	t.Parallel()
	dir := project(t, "go", "greet", "go")
	out := filepath.Join(t.TempDir(), "hook.wasm")
	r := run(t, command(t, "hook", "build", dir, "-o", out))
	if r.code != 0 || strings.TrimSpace(r.stdout) != out {
		t.Fatalf("build: %+v", r)
	}
	if b := mustRead(t, out); string(b[:4]) != "\x00asm" {
		t.Errorf("it begins with %q", b[:4])
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { nonsense }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = run(t, command(t, "hook", "build", dir))
	if r.code != 1 || r.stdout != "" {
		t.Errorf("build of what is wrong: %+v", r)
	}
	mustContain(t, r.stderr, "main.go:3", "nonsense")
}

func TestNewOverwritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kept := mustWrite(t, filepath.Join(dir, "main.go"), []byte("mine"))
	r := run(t, command(t, "hook", "new", "--lang", "go", "greet", "--dir", dir))
	if r.code == 0 || string(mustRead(t, kept)) != "mine" {
		t.Errorf("%+v", r)
	}
	mustContain(t, r.stderr, dir)
}

// scriptFolder makes a folder with a script and a fixture.
func scriptFolder(t *testing.T, input, expected string) (dir string) {
	t.Helper()
	requireScripts(t)
	path := script(t, "shout.js", shout)
	fixtures := filepath.Join(filepath.Dir(path), "fixtures")
	if err := os.Mkdir(fixtures, 0o700); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(fixtures, "hello.input.json"), []byte(input))
	if expected != "" {
		mustWrite(t, filepath.Join(fixtures, "hello.expected.json"), []byte(expected))
	}
	return filepath.Dir(path)
}

func TestFixturesThatDifferAreShownAndUpdated(t *testing.T) {
	t.Parallel()
	dir := scriptFolder(t, `{"message":{"content":{"text":"hello","from":"ada"}}}`, `{"action":"replace","content":{"text":"Hello!","from":"ada"}}`)
	path, trial := filepath.Join(dir, "shout.js"), trials(t)
	r := run(t, trial("test", path))
	if r.code != 10 {
		t.Errorf("test: %+v", r)
	}
	mustContain(t, r.stdout, "differs  hello", `-     "text": "Hello!"`, `+     "text": "HELLO!"`, "log info: called in chat")
	mustContain(t, r.stderr, "1 of 1")
	if r = run(t, trial("test", path, "--update")); r.code != 0 {
		t.Errorf("update: %+v", r)
	}
	if r = run(t, trial("test", path)); r.code != 0 || !strings.HasPrefix(r.stdout, "ok ") {
		t.Errorf("test again: %+v", r)
	}
	mustContain(t, string(mustRead(t, filepath.Join(dir, "fixtures", "hello.expected.json"))), "HELLO!")
}

func TestAFixtureMayHaveAConfigurationAndAFailureCanBeExpected(t *testing.T) {
	t.Parallel()
	trial := trials(t)
	for input, expected := range map[string]string{
		`{"config":{"mark":"?"},"message":{"content":{"text":"hello"}}}`: `{"action":"replace","content":{"text":"HELLO?"}}`,
		`{"message":{"content":{"text":"refuse me"}}}`:                   `{"action":"reject","reason":"not here"}`,
		`{"message":{"content":{"text":"drop me"}}}`:                     `{"action":"drop"}`,
		`{"message":{"content":{"text":"fail"}}}`:                        `{"action":"fail"}`,
	} {
		if r := run(t, trial("test", filepath.Join(scriptFolder(t, input, expected), "shout.js"))); r.code != 0 {
			t.Errorf("%s: %+v", input, r)
		}
	}
}

func TestRunCallsAHookOnce(t *testing.T) {
	t.Parallel()
	requireScripts(t)
	path, trial := script(t, "shout.js", shout), trials(t)
	for _, c := range []struct {
		args  []string
		stdin string
		want  string
	}{
		{[]string{"--content", `{"text":"hello"}`}, "", `{"action":"replace","content":{"text":"HELLO!"}}`},
		{[]string{"--point", "on_message"}, `{"message":{"content":{"text":"hello"}}}`, `{"action":"replace","content":{"text":"HELLO!"}}`},
		{[]string{"--content", `{"text":"hello"}`, "--config", `{"mark":"?"}`}, "", `{"action":"replace","content":{"text":"HELLO?"}}`},
		{[]string{"--content", `{"text":"refuse me"}`}, "", `{"action":"reject","reason":"not here"}`},
		{[]string{"--content", `{"text":"drop me"}`}, "", `{"action":"drop"}`},
	} {
		cmd := trial(append([]string{"run", path}, c.args...)...)
		cmd.Stdin = strings.NewReader(c.stdin)
		r := run(t, cmd)
		var got, want any
		if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 0 {
			t.Fatalf("%q: %v: %+v", c.args, err, r)
		}
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if mustJSON(t, got) != mustJSON(t, want) {
			t.Errorf("%q answered %s", c.args, r.stdout)
		}
		mustContain(t, r.stderr, " µs, ", " fuel, ", " of memory")
	}
	r := run(t, trial("run", path, "--content", `{"text":"fail"}`))
	if r.code != 1 || r.stdout != "" {
		t.Errorf("a failure: %+v", r)
	}
	mustContain(t, r.stderr, "shout", "on purpose", "shout.js:5")
	cmd := trial("run", path)
	cmd.Stdin = strings.NewReader(`{"mesage":{}}`)
	if r = run(t, cmd); r.code != 2 {
		t.Errorf("a typing error: %+v", r)
	}
	mustContain(t, r.stderr, "mesage")
	if r = run(t, trial("run", path, "--point", "on_session", "--content", "{}")); r.code != 2 {
		t.Errorf("a point that it has not: %+v", r)
	}
	mustContain(t, r.stderr, "on_message")
}

func TestRunGivesAnAttachmentNewBytes(t *testing.T) {
	t.Parallel()
	requireScripts(t)
	path := script(t, "reverse.ts", `
import { turned } from "./lib/turn";

export function onAttachment(a: { name: string, bytes: Uint8Array }) {
	console.warn(a.name);
	return { bytes: turned(a.bytes), name: "turned-" + a.name };
}`)
	dir, trial := filepath.Dir(path), trials(t)
	if err := os.Mkdir(filepath.Join(dir, "lib"), 0o700); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(dir, "lib", "turn.ts"), []byte(`export const turned = (b: Uint8Array) => b.slice().reverse();`))
	in, out := mustWrite(t, filepath.Join(dir, "abc.txt"), []byte("abc")), filepath.Join(dir, "out.txt")
	r := run(t, trial("run", path, "--attach", in, "--save", out))
	if r.code != 0 || string(mustRead(t, out)) != "cba" {
		t.Errorf("%+v", r)
	}
	mustContain(t, r.stdout, `"turned-abc.txt"`)
	mustContain(t, r.stderr, "warn: abc.txt")
}

func TestAFolderOfScriptsIsTheOneThatIsNamedLikeIt(t *testing.T) {
	t.Parallel()
	requireScripts(t)
	trial, dir := trials(t), filepath.Join(t.TempDir(), "shout")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(dir, "loud.js"), []byte(`export const loud = (s) => s.toUpperCase();`))
	mustWrite(t, filepath.Join(dir, "other.js"), []byte(`export function onSession() {}`))
	if r := run(t, trial("run", dir, "--content", `{"text":"hello"}`)); r.code != 2 || !strings.Contains(r.stderr, "loud.js, other.js") {
		t.Errorf("neither: %+v", r)
	}
	mustWrite(t, filepath.Join(dir, "shout.js"), []byte(`import { loud } from "./loud.js";
export function onMessage(m) { m.content.text = loud(m.content.text); return m; }`))
	r := run(t, trial("run", dir, "--content", `{"text":"hello"}`))
	if r.code != 0 {
		t.Errorf("%+v", r)
	}
	mustContain(t, r.stdout, `"HELLO"`)
}

func TestBenchMeasuresEachFixture(t *testing.T) {
	t.Parallel()
	dir, trial := scriptFolder(t, `{"message":{"content":{"text":"hello"}}}`, ""), trials(t)
	type row struct {
		Input, Point, Action   string
		Calls                  int
		P50Micros, P99Micros   float64
		FuelPerCall, FreshFuel int64
		MemoryBytes            int64
	}
	bench := func(args ...string) row {
		t.Helper()
		r := run(t, trial(append([]string{"bench", filepath.Join(dir, "shout.js"), "--calls", "50", "-o", "json"}, args...)...))
		var rows []row
		if err := json.Unmarshal([]byte(r.stdout), &rows); err != nil || r.code != 0 || len(rows) != 1 {
			t.Fatalf("bench: %v: %+v", err, r)
		}
		return rows[0]
	}
	first := bench()
	if first.Input != "hello" || first.Point != "on_message" || first.Action != "replace" || first.Calls != 50 || first.P50Micros <= 0 ||
		first.P99Micros < first.P50Micros || first.FuelPerCall <= 0 || first.FreshFuel <= 0 || first.MemoryBytes <= 0 {
		t.Errorf("measured %+v", first)
	}
	if again := bench(); again.FreshFuel != first.FreshFuel {
		t.Errorf("on a fresh instance it cost %d, and then %d", first.FreshFuel, again.FreshFuel)
	}
	if longer := bench("--content", `{"text":"`+strings.Repeat("hello ", 1000)+`"}`); longer.FreshFuel <= first.FreshFuel {
		t.Errorf("a long text cost %d, a short one %d", longer.FreshFuel, first.FreshFuel)
	}
	r := run(t, trial("bench", filepath.Join(dir, "shout.js"), "--fuel", strconv.FormatInt(first.FreshFuel/2, 10)))
	if r.code != 1 {
		t.Errorf("with half of the fuel: %+v", r)
	}
	mustContain(t, r.stderr, "fuel")
}

func TestTrialsAtTheSameTimeDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	dir := scriptFolder(t, `{"message":{"content":{"text":"hello"}}}`, `{"action":"replace","content":{"text":"HELLO!"}}`)
	trial := trials(t)
	results := make(chan result)
	for range 3 {
		c := trial("test", filepath.Join(dir, "shout.js"))
		c.Env = append(c.Env, "TMPDIR="+t.TempDir())
		go func() { results <- run(t, c) }()
	}
	for range 3 {
		if r := <-results; r.code != 0 {
			t.Errorf("%+v", r)
		}
	}
}
