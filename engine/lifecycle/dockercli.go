package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// maxCalls bounds the calls of docker and podman at one time: each is a
	// process of tens of megabytes, and they wait for each other anyway.
	maxCalls = 4
	// callTime bounds a call, createTime one that may fetch an image.
	callTime   = time.Minute
	createTime = 15 * time.Minute
	// maxPrinted is how much is kept of what a call prints, from its end.
	maxPrinted = 64 << 10
)

// cli is the command line of docker or podman.
type cli struct {
	program string
	calls   chan struct{}
}

// call runs a subcommand and returns what it printed. Its error has the end of
// what it complained.
func (c cli) call(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	select {
	case c.calls <- struct{}{}:
		defer func() { <-c.calls }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.run(ctx, args...)
}

// run is call without its bounds, for what lasts as long as a container.
func (c cli) run(ctx context.Context, args ...string) (string, error) {
	cmd := c.command(ctx, args...)
	var out, complaint ending
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w", filepath.Base(c.program), args[0], err)
		if text := complaint.last(1 << 10); text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
	}
	return strings.TrimSpace(string(out)), err
}

func (c cli) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.program, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ENGINE_TOKEN=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	// A Ctrl-C for the engine is not for these.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			err = os.ErrProcessDone
		}
		return err
	}
	cmd.WaitDelay = killTime
	return cmd
}

// ending keeps the end of what is written to it.
type ending []byte

func (e *ending) Write(b []byte) (int, error) {
	*e = append(*e, b...)
	if n := len(*e) - maxPrinted; n > 0 {
		*e = append((*e)[:0], (*e)[n:]...)
	}
	return len(b), nil
}

// last returns at most n bytes of text from its end, on one line.
func (e ending) last(n int) string {
	e = e[max(0, len(e)-n):]
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(e), "")), " ")
}
