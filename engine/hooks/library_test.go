package hooks_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

const memoryLimit = 16 << 20

// shelf is a library in a folder, and a log of the compilers it started.
type shelf struct {
	hooks.Library
	t   *testing.T
	dir string
	log string
}

func mustOpenLibrary(t *testing.T) *shelf {
	s := &shelf{t: t, dir: filepath.Join(t.TempDir(), "hooks"), log: filepath.Join(t.TempDir(), "log")}
	s.mustOpen("logged", s.log)
	return s
}

// mustOpen opens the library with another compiler, of those of TestMain.
func (s *shelf) mustOpen(compiler ...string) {
	s.t.Helper()
	s.mustOpenWith(append([]string{os.Args[0], "compile"}, compiler...)...)
}

func (s *shelf) mustOpenWith(command ...string) {
	s.t.Helper()
	l, err := openLibrary(s.dir, command...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Library = l
	s.t.Cleanup(func() { l.Close() })
}

func openLibrary(dir string, command ...string) (hooks.Library, error) {
	return hooks.OpenLibrary(dir, hooks.Options{Compiler: command, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now},
		func(ctx context.Context, r wazero.Runtime) error {
			_, err := wasi_snapshot_preview1.Instantiate(ctx, r)
			return err
		})
}

// list names what is in a folder of the library.
func (s *shelf) list(folder string) []string {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, folder))
	if err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// waitFor waits for a condition that comes true by itself.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		if t.Context().Err() != nil {
			t.Fatal("the test is over")
		}
		runtime.Gosched()
	}
}

// reopen closes the library and opens it again, as a restart does.
func (s *shelf) reopen() {
	s.t.Helper()
	if err := s.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.mustOpen("logged", s.log)
}

func (s *shelf) mustAdd(module []byte) engine.HookVersion {
	s.t.Helper()
	v, err := s.Add(s.t.Context(), module)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *shelf) mustLoad(v engine.HookVersion) hooks.Program {
	s.t.Helper()
	p, err := s.Load(s.t.Context(), v, memoryLimit)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.Close)
	return p
}

// compiled is how many compilers were started.
func (s *shelf) compiled() int {
	b, err := os.ReadFile(s.log)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return bytes.Count(b, []byte("\n"))
}

// mustCall calls a function without parameters in a new instance.
func mustCall(t *testing.T, p hooks.Program, name string, args ...uint64) uint64 {
	t.Helper()
	m, err := p.Runtime().InstantiateModule(t.Context(), p.Compiled(), wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	results, err := m.ExportedFunction(name).Call(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

func TestAModuleIsCompiledOnceAndRunsAfterARestart(t *testing.T) {
	s := mustOpenLibrary(t)
	module := reactor().bytes()
	v := s.mustAdd(module)
	if want := (engine.HookVersion{SHA256: v.SHA256, Size: int64(len(module)), Shape: engine.HookReactor, Handles: []engine.HookPoint{engine.HookOnMessage}}); fmt.Sprint(v) != fmt.Sprint(want) {
		t.Fatalf("added %+v, want %+v", v, want)
	}
	for range 2 {
		if got := mustCall(t, s.mustLoad(v), "hook_abi_version"); got != 1 {
			t.Fatalf("hook_abi_version returned %d", got)
		}
		s.reopen()
	}
	s.mustAdd(module)
	if n := s.compiled(); n != 1 {
		t.Fatalf("compiled %d times", n)
	}
}
