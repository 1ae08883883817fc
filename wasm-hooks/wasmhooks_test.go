package wasmhooks_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	wasmhooks "github.com/twinbox/twinbox/wasm-hooks"
	"github.com/twinbox/twinbox/wasm-hooks/fixture"
)

func TestANewProjectBuildsAndPassesItsOwnTestCases(t *testing.T) {
	for _, lang := range wasmhooks.Languages() {
		t.Run(lang, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "my-hook_1")
			if err := wasmhooks.New(dir, lang, "my-hook_1"); err != nil {
				t.Fatal(err)
			}
			if lang == "assemblyscript" {
				shareCompiler(t, dir)
			}
			runCases(t, mustModule(t, dir), dir)
		})
	}
}

func TestANewGoProjectHasTestsOfItsOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hash") // also the name of a package of the standard library
	if err := wasmhooks.New(dir, "go", "hash"); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "go", "test", "./...")
	c.Dir = dir
	c.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNewOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{dir, file} {
		if err := wasmhooks.New(at, "go", "hook"); err == nil {
			t.Errorf("%s was overwritten", at)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
		t.Errorf("the file has %q, %v", b, err)
	}
}

func TestNewRefusesWhatItCannotMake(t *testing.T) {
	for _, c := range []struct{ lang, name, want string }{
		{"cobol", "hook", "assemblyscript, c, go"},
		{"go", "Hook", "lower-case"},
		{"go", "../hook", "lower-case"},
		{"go", "-hook", "lower-case"},
		{"go", strings.Repeat("h", 65), "up to 64"},
	} {
		dir := filepath.Join(t.TempDir(), "new")
		if err := wasmhooks.New(dir, c.lang, c.name); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%q, %q): %v, without %q", c.lang, c.name, err, c.want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("New(%q, %q) left a folder", c.lang, c.name)
		}
	}
}

func TestBuildNamesAMissingToolchain(t *testing.T) {
	for _, lang := range []string{"go", "assemblyscript", "c", "rust"} {
		dir := filepath.Join(t.TempDir(), "hook")
		if err := wasmhooks.New(dir, lang, "hook"); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", t.TempDir())
		err := wasmhooks.Build(t.Context(), dir, "", &bytes.Buffer{})
		if missing, ok := errors.AsType[*wasmhooks.MissingToolchainError](err); !ok || missing.Tool == "" || missing.Hint == "" {
			t.Errorf("%s: %v", lang, err)
		}
	}
}

func TestBuildSaysWhyThereIsNothingToBuild(t *testing.T) {
	dir := t.TempDir()
	if err := wasmhooks.Build(t.Context(), dir, "", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "asconfig.json") {
		t.Errorf("an empty folder: %v", err)
	}
	if err := wasmhooks.Build(t.Context(), filepath.Join(dir, "none"), "", &bytes.Buffer{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hook.js"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := wasmhooks.Build(t.Context(), dir, "", &bytes.Buffer{}); !errors.Is(err, wasmhooks.ErrNothingToBuild) {
		t.Errorf("a script: %v", err)
	}
}

func TestExamplesPassTheirTestCases(t *testing.T) {
	examples, err := filepath.Glob("examples/*/fixtures")
	if err != nil || len(examples) < 6 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	for _, cases := range examples {
		dir := filepath.Dir(cases)
		t.Run(filepath.Base(dir), func(t *testing.T) { runCases(t, mustModule(t, dir), dir) })
	}
}

// mustModule builds a project, or reads its script.
func mustModule(t *testing.T, dir string) []byte {
	t.Helper()
	out, stderr := filepath.Join(t.TempDir(), "hook.wasm"), &bytes.Buffer{}
	err := wasmhooks.Build(t.Context(), dir, out, stderr)
	if missing, ok := errors.AsType[*wasmhooks.MissingToolchainError](err); ok {
		t.Skip(missing)
	}
	if errors.Is(err, wasmhooks.ErrNothingToBuild) {
		out, err = script(dir)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// script finds a script's file, among those that only declare types.
func script(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.[jt]s"))
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, ".d.ts") })
	if err != nil || len(files) != 1 {
		return "", errors.Join(err, errors.New(dir+" has not one script"))
	}
	return files[0], nil
}

// runCases runs a project's test cases, and logs what each costs.
func runCases(t *testing.T, module []byte, dir string) {
	t.Helper()
	cases, err := fixture.Load(filepath.Join(dir, "fixtures"))
	if err != nil {
		t.Fatal(err)
	}
	h := openHost(t)
	v, err := h.Add(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	v.Active = true
	hook := engine.HookRecord{Name: "hook", Versions: []engine.HookVersion{v}, HookSettings: engine.HookSettings{
		Enabled: true, Points: v.Handles, OnFailure: engine.HookFail, Limits: engine.DefaultHookLimits()}}
	for _, c := range cases {
		r, err := c.Run(t.Context(), h, hook)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s, %d bytes, %.0f µs, %d units of fuel, %d bytes of memory", c.Name, r.Action, len(module), r.Micros, r.Fuel, r.MemoryBytes)
		if r.Difference != "" {
			t.Errorf("%s\n%s\nlog: %s", c.Name, r.Difference, strings.Join(r.Log, "\n"))
		}
	}
}

// compiler is where an example has AssemblyScript's, which others use, too.
const compiler = "examples/route/node_modules"

func mustHaveCompiler(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(compiler); err != nil {
		mustModule(t, filepath.Dir(compiler)) // it asks npm for it
	}
}

// shareCompiler saves a project the download.
func shareCompiler(t *testing.T, dir string) {
	t.Helper()
	mustHaveCompiler(t)
	shared, err := filepath.Abs(compiler)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(shared, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}
