// Package cli_test runs the real binary the way a shell would.
package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/compiled"
	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

// command prepares the binary without the environment of whoever runs the tests.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), engineproc.Binary(t), args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ENGINE_") && !strings.HasPrefix(v, "TWINBOX_") {
			c.Env = append(c.Env, v)
		}
	}
	// A binary with the race detector would idle for a second before it exits.
	c.Env = append(c.Env, "GORACE=atexit_sleep_ms=0")
	return c
}

func run(t *testing.T, c *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() < 0) {
		t.Fatalf("%v: %v\n%s", c.Args, err, &stderr)
	}
	return result{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// server is a running "engine serve".
type server struct {
	data, url string
	lines     []string // what it printed at its start
	stderr    *buffer
	cmd       *exec.Cmd
	exited    chan struct{}
}

// serve starts an engine on data. A test that does not end it itself sees it
// end in order.
func serve(t *testing.T, data string, args ...string) *server {
	t.Helper()
	c := command(t, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...)...)
	return start(t, c, data)
}

func start(t *testing.T, c *exec.Cmd, data string) *server {
	t.Helper()
	compiled.Share(t, filepath.Join(data, "hooks"))
	s := &server{data: data, cmd: c, stderr: &buffer{}, exited: make(chan struct{})}
	// The test's context ends before its clean-up, which ends the server: one
	// signal, as a second one would cut it short.
	c.Cancel = func() error { return nil }
	c.Stderr = s.stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for range 2 {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("engine serve ended early: %v\n%s", c.Wait(), s.stderr)
		}
		s.lines = append(s.lines, strings.TrimSuffix(line, "\n"))
	}
	url, ok := strings.CutPrefix(s.lines[0], "listening on ")
	if !ok {
		t.Fatalf("the first line is %q", s.lines[0])
	}
	s.url = url
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		_ = c.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() {
		select {
		case <-s.exited:
			return
		default:
		}
		if code := s.end(t, syscall.SIGTERM); code != 0 {
			t.Errorf("engine serve exited with %d\n%s", code, s.stderr)
		}
	})
	return s
}

// end signals the server and returns its exit code; -1 when the signal killed it.
func (s *server) end(t *testing.T, signal os.Signal) int {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	<-s.exited
	return s.cmd.ProcessState.ExitCode()
}

// engine runs a client command against the server, which it finds by its data
// directory alone.
func (s *server) engine(t *testing.T, args ...string) result {
	t.Helper()
	return run(t, s.command(t, args...))
}

func (s *server) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := command(t, args...)
	c.Env = append(c.Env, "ENGINE_DATA="+s.data)
	return c
}

// must runs a client command that succeeds, and decodes what it prints as JSON.
func must[T any](t *testing.T, s *server, args ...string) T {
	t.Helper()
	r := s.engine(t, slices.Insert(slices.Clone(args), 2, "-o", "json")...)
	var v T
	if r.code != 0 {
		t.Fatalf("%q exited with %d\n%s", args, r.code, r.stderr)
	}
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil {
		t.Fatalf("%q printed no JSON: %v\n%s", args, err, r.stdout)
	}
	return v
}

// session makes a conversation and returns its session.
func (s *server) session(t *testing.T) session {
	t.Helper()
	group := must[object](t, s, "agent-group", "create", "Testers")
	return must[session](t, s, "session", "resolve", "--agent-group", group["id"].(string))
}

type object = map[string]any

type session struct {
	ID, Folder, Mode, Status, ContainerStatus, ThreadID string
	AgentGroup, MessagingGroup                          struct{ ID string }
}

// workspace is the session's folder.
func (s *server) workspace(x session) string { return filepath.Join(s.data, x.Folder) }

func mustContain(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in:\n%s", p, text)
		}
	}
}

func mustWrite(t *testing.T, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// buffer is a bytes.Buffer that is read while a process writes to it.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
