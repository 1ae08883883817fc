package wasmhooks_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/engine/hooks"
)

// programs is where what the tests build lies until they end.
var programs string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == compileModule {
		os.Exit(hooks.CompileMain(os.Stdin, os.Stdout))
	}
	var err error
	if programs, err = os.MkdirTemp("", "wasm-hooks-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(programs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// compileModule is the argument that makes this program a compiler.
const compileModule = "compile-module"

// compileProgram is this program, built without the race detector: with it,
// compiling a guest of 3 MB takes half a minute. Another program would not do,
// as what a test compiles for is a wazero without a version.
var compileProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programs, "compiler")
	build := exec.Command("go", "test", "-c", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the compiler: %w\n%s", err, out)
	}
	return path, nil
})

// meteredExamples are one of each language, and more.
var meteredExamples = []string{"gate", "redact", "route", "strip-metadata", "thumbnail"}

// openHost opens a host that is closed when the test ends.
func openHost(t *testing.T) *hooks.Host {
	t.Helper()
	path, err := compileProgram()
	if err != nil {
		t.Fatal(err)
	}
	h, err := hooks.Open(t.TempDir(), hooks.Options{Compiler: []string{path, compileModule}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}
