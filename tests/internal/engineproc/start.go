package engineproc

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/twinbox/twinbox/tests/internal/compiled"
	"github.com/twinbox/twinbox/tests/internal/program"
)

var binary = sync.OnceValues(func() (string, error) { return program.Build("cmd/engine", buildFlags...) })

// Binary is the path of cmd/engine, built for this test.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Command is the binary with arguments, for as long as the test runs.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), Binary(t), args...)
	c.Env = append(os.Environ(), endsAtOnce)
	return c
}

var plain = sync.OnceValues(func() (string, error) { return program.BuildAs("engine-plain", "cmd/engine") })

// PlainBinary is Binary without the race detector, for what would take too
// long with it.
func PlainBinary(t testing.TB) string {
	t.Helper()
	if !Race {
		return Binary(t)
	}
	path, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Start serves data until the test ends, and then expects an orderly end
// unless the test ended the process itself.
func Start(t testing.TB, data string, args ...string) *Process {
	t.Helper()
	return StartBinary(t, Binary(t), data, args...)
}

// StartBinary is Start of a certain binary.
func StartBinary(t testing.TB, bin, data string, args ...string) *Process {
	t.Helper()
	compiled.Share(t, filepath.Join(data, "hooks"))
	p, err := Serve(bin, data, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-p.exited:
		default:
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
		}
		if t.Failed() {
			t.Log(p.Output())
		}
	})
	return p
}

// MustQuery is Query for a test that cannot go on without its answer.
func (c *Client) MustQuery(t testing.TB, document string, variables, out any) {
	t.Helper()
	if err := c.Query(t.Context(), document, variables, out); err != nil {
		t.Fatal(err)
	}
}
