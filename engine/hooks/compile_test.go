package hooks_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

const (
	compileTime = time.Minute
	// aRequest is what a compiler reads, for a version and a folder.
	aRequest = `{"version":%d,"dir":%q,"source":"hook","limits":{"memoryBytes":1073741824,"seconds":60,"fileBytes":1073741824}}`
)

// slow is a module within all limits that takes much longer to compile than
// the tests let it: n functions, each with as many places where paths meet, and as many locals
// that differ there, as one may have.
func slow(n int) []byte {
	var body strings.Builder
	body.WriteString("locals\x01" + unsigned(500) + "\x7f")
	for i := range 600 {
		// local i = 1, if the first parameter is not 0
		body.WriteString("\x02\x40\x20\x00\x45\x0d\x00\x41\x01\x21" + unsigned(2+i%500) + "\x0b")
	}
	body.WriteString("\x41\x00")
	for i := range 500 {
		body.WriteString("\x20" + unsigned(2+i) + "\x6a")
	}
	body.WriteString("\xac")
	a := reactor()
	for i := range n {
		a.functions = append(a.functions, assembled{"f" + strconv.Itoa(i), "i32 i32->i64", body.String()})
	}
	return a.bytes()
}

func TestAModuleThatCompilesForTooLongIsRefusedAndItsCompilerEnded(t *testing.T) {
	s := mustOpenLibrary(t)
	s.mustOpen("noting", s.log)
	s.LimitProcessor(1)
	s.mustRefuse(t, slow(1000), engine.CodeLimitExceeded, "more than the 1 seconds of processor time")
	pid, err := strconv.Atoi(s.compilers())
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, 0); err != unix.ESRCH {
		t.Fatalf("the compiler %d still runs: %v", pid, err)
	}
	s.LimitProcessor(60)
	s.mustAdd(reactor().bytes())
}

func TestAModuleThatNeedsTooMuchMemoryToCompileIsRefused(t *testing.T) {
	s := mustOpenLibrary(t)
	s.LimitCompiler(compileTime, 24<<20)
	s.mustRefuse(t, slow(1000), engine.CodeLimitExceeded, "more than the 24 MiB of memory")
}

func TestACompilerThatFailsLeavesNothing(t *testing.T) {
	s := mustOpenLibrary(t)
	for _, c := range []struct {
		compiler, says string
		code           engine.Code
	}{
		{"crashing", "without saying why", engine.CodeInvalidInput},
		{"failing", "could not do its work", engine.CodeUnavailable},
		{"silent", "did not answer", engine.CodeUnavailable},
		{"garbling", "did not answer", engine.CodeUnavailable},
		{"idle", "could not be kept", engine.CodeUnavailable},
	} {
		s.mustOpen(c.compiler, "")
		s.LimitCompiler(compileTime, 1<<30)
		_, err := s.Add(t.Context(), reactor().bytes())
		if engine.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("with a %s compiler: %v", c.compiler, err)
		}
		if left := append(s.list("cache"), s.list("modules")...); len(left) > 0 {
			t.Errorf("a %s compiler left %v", c.compiler, left)
		}
	}
}

func TestACompilerThatAnswersWithoutEndIsEndedAndNotListenedTo(t *testing.T) {
	s := mustOpenLibrary(t)
	s.mustOpen("endless", "")
	s.LimitCompiler(time.Second, 1<<30)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := s.Add(t.Context(), reactor().bytes()); engine.CodeOf(err) != engine.CodeUnavailable || !strings.Contains(err.Error(), "too much else to do") {
		t.Fatalf("refused with %v", err)
	}
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 8<<20 {
		t.Errorf("took %d bytes", taken)
	}
}

func TestACompilerThatCannotBeStartedIsAnError(t *testing.T) {
	s := mustOpenLibrary(t)
	s.mustOpenWith(filepath.Join(t.TempDir(), "nothing"))
	if _, err := s.Add(t.Context(), reactor().bytes()); engine.CodeOf(err) != engine.CodeUnavailable || !strings.Contains(err.Error(), "could not be started") {
		t.Fatal(err)
	}
}

func TestACallerWhoLeavesEndsTheCompiler(t *testing.T) {
	s := mustOpenLibrary(t)
	s.mustOpen("noting", s.log)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := s.Add(ctx, slow(1000))
		result <- err
	}()
	waitFor(t, func() bool { return len(s.compilers()) > 0 })
	cancel()
	if err := <-result; engine.CodeOf(err) != engine.CodeUnavailable {
		t.Fatal(err)
	}
}

func TestClosingEndsTheCompiler(t *testing.T) {
	s := mustOpenLibrary(t)
	s.mustOpen("noting", s.log)
	result := make(chan error)
	go func() {
		_, err := s.Add(t.Context(), slow(1000))
		result <- err
	}()
	waitFor(t, func() bool { return len(s.compilers()) > 0 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; engine.CodeOf(err) != engine.CodeUnavailable {
		t.Fatal(err)
	}
	if left := s.list("cache"); len(left) > 0 {
		t.Fatal("left behind:", left)
	}
}

// compilers are the processes that noted themselves.
func (s *shelf) compilers() string {
	b, err := os.ReadFile(s.log)
	if err != nil && !os.IsNotExist(err) {
		s.t.Error(err)
	}
	return string(b)
}

func TestACompilerHasNoEnvironmentButTheRaceDetectors(t *testing.T) {
	t.Setenv("TWINBOX_SECRET", "7")
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	s := mustOpenLibrary(t)
	s.mustAdd(reactor().bytes())
	if log := s.compilers(); log != "1 variables\n" {
		t.Fatalf("the compiler has %q", log)
	}
}

// A compiler that nobody waits for any more ends: its engine was killed.
func TestACompilerEndsWithItsEngine(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "original"), slow(1000), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, stdin, _ := startCompiler(t)
	fmt.Fprintf(stdin, aRequest, hooks.CodeVersion, dir)
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // it failed, as is to be shown
	if code := cmd.ProcessState.ExitCode(); code != 4 {
		t.Fatalf("the compiler ended with %d", code)
	}
}

func TestWithoutACompilerProcessModulesAreCompiledInThisOne(t *testing.T) {
	s := mustOpenLibrary(t)
	s.mustOpenWith()
	if mustCall(t, s.mustLoad(s.mustAdd(reactor().bytes())), "hook_abi_version") != 1 {
		t.Error("returned something else")
	}
	if _, err := s.Add(t.Context(), reactor().without("hook_alloc").bytes()); engine.CodeOf(err) != engine.CodeInvalidInput {
		t.Error(err)
	}
	if n := s.compiled(); n != 0 {
		t.Errorf("%d compilers were started", n)
	}
}

// The program's file may have been replaced by another version, which rewrites
// modules differently, while the engine runs.
func TestACompilerOfAnotherVersionCompilesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "original"), reactor().bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, stdin, stdout := startCompiler(t)
	fmt.Fprintf(stdin, aRequest, hooks.CodeVersion+1, dir)
	answer, err := io.ReadAll(stdout)
	if err != nil || !strings.Contains(string(answer), `"UNAVAILABLE"`) || !strings.Contains(string(answer), "start it anew") {
		t.Errorf("answered %s: %v", answer, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
}
