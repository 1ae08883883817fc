// Package engineproc runs the real binary as a process of its own and speaks
// GraphQL to it, for tests and benchmarks.
package engineproc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

// Process is a running "engine serve". Its methods may be called concurrently.
type Process struct {
	*Client
	Address string // host:port

	cmd    *exec.Cmd
	output *tail
	exited chan struct{} // closed when err is set
	err    error
}

// endsAtOnce keeps the race detector from a second's sleep at the end.
const endsAtOnce = "GORACE=atexit_sleep_ms=0"

var announced = regexp.MustCompile(`http://(127\.0\.0\.1:[1-9][0-9]*)`)

// Serve starts bin on a free port of the loopback and returns when it says
// where it listens. The caller ends it with Stop or Kill.
func Serve(bin, data string, args ...string) (*Process, error) {
	return ServeLogged(bin, data, io.Discard, args...)
}

// ServeLogged is Serve, with all that the process prints written to log too,
// from a goroutine that ends with the process.
func ServeLogged(bin, data string, log io.Writer, args ...string) (*Process, error) {
	const token = "token-of-a-test-0123456789abcdef"
	p := &Process{output: &tail{log: log}, exited: make(chan struct{})}
	p.cmd = exec.Command(bin, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...)...)
	p.cmd.Env = append(os.Environ(), "ENGINE_TOKEN="+token, endsAtOnce)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, r.Close(), w.Close())
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	found := make(chan string, 1)
	go func() {
		p.follow(r, found)
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	select {
	case p.Address = <-found:
		p.Client = NewClient("http://"+p.Address, token)
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("engine serve ended before it listened: %w\n%s", p.err, p.output)
	}
}

func (p *Process) follow(r io.ReadCloser, found chan<- string) {
	defer r.Close()
	lines := bufio.NewReader(r)
	for told := false; ; {
		line, err := lines.ReadString('\n')
		p.output.add(line)
		if m := announced.FindStringSubmatch(line); m != nil && !told {
			found <- m[1]
			told = true
		}
		if err != nil {
			return
		}
	}
}

// Pid is the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Output is the end of what the process printed so far.
func (p *Process) Output() string { return p.output.String() }

// Stop asks the process to end and waits; an exit code other than 0 is an error.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

// Kill ends the process with SIGKILL, as a crash would, and waits.
func (p *Process) Kill() error {
	if err := p.end(syscall.SIGKILL); err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != -1 {
			return err
		}
	}
	return nil
}

func (p *Process) end(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	if p.err != nil {
		return fmt.Errorf("engine serve: %w\n%s", p.err, p.output)
	}
	return nil
}

// tail keeps the last lines that a process printed.
type tail struct {
	log   io.Writer  // gets all lines
	mu    sync.Mutex // guards lines
	lines []string
}

func (t *tail) add(line string) {
	_, _ = io.WriteString(t.log, line) // what it printed is not what is tested
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	if n := len(t.lines); n > 200 {
		t.lines = t.lines[n-100:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "")
}
