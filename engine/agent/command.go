package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

const (
	// maxOutputBytes bounds what a command may print.
	maxOutputBytes = 10 << 20
	// killDelay is how long a command has to end after SIGTERM, and its pipes
	// to close after its end.
	killDelay = 3 * time.Second
)

var (
	errTimeout   = errors.New("the command took too long")
	errTooMuch   = fmt.Errorf("the command printed more than %d bytes", maxOutputBytes)
	errExit      = errors.New("the command failed")
	errTerminate = errors.New("the agent stops")
)

// execute runs the command to its end and returns what it printed. The error
// is errTimeout, errTooMuch or errExit when the command is to blame,
// errTerminate when ctx was done first, and fatal when it cannot be started.
// Whatever it left running in its process group is killed: a reply is complete.
func (a *agent) execute(ctx context.Context, stdin []byte, env []string) ([]byte, error) {
	run, cancel := context.WithTimeoutCause(ctx, a.Timeout, errTimeout)
	defer cancel()
	run, stop := context.WithCancelCause(run)
	defer stop(nil)

	out := &limited{full: func() { stop(errTooMuch) }}
	c := exec.CommandContext(run, a.Command[0], a.Command[1:]...)
	c.Stdin, c.Stdout, c.Stderr, c.Env = bytes.NewReader(stdin), out, a.Stderr, env
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = killDelay
	if err := c.Start(); err != nil {
		switch { // it also fails for a context that has ended
		case ctx.Err() != nil:
			return nil, errTerminate
		case run.Err() != nil:
			return nil, context.Cause(run)
		}
		return nil, &fatal{fmt.Errorf("%w: %w", ErrNoCommand, err)}
	}
	err := c.Wait()
	// The group is usually gone by now.
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
	switch {
	case out.over:
		return nil, errTooMuch
	case err == nil:
		return out.b.Bytes(), nil
	case ctx.Err() != nil:
		return nil, errTerminate
	case run.Err() != nil:
		return nil, context.Cause(run)
	case errors.Is(err, exec.ErrWaitDelay):
		// It ended well, but a child of its kept the pipe open.
		return out.b.Bytes(), nil
	}
	return nil, fmt.Errorf("%w: %w", errExit, err)
}

// limited keeps what is written until it is too much. Only os/exec's one
// copying goroutine writes to it.
type limited struct {
	b    bytes.Buffer
	over bool
	full func()
}

func (l *limited) Write(p []byte) (int, error) {
	if !l.over && l.b.Len()+len(p) > maxOutputBytes {
		l.over = true
		l.b.Reset()
		l.full()
	}
	if !l.over {
		l.b.Write(p)
	}
	return len(p), nil
}
