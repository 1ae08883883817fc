package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

const (
	maxAnswerBytes = 64 << 10
	maxStderrBytes = 16 << 10
	compilerNice   = 10 // below those who send messages meanwhile
)

// compileWall is how long compiling may take on a machine that has other things
// to do. What a module itself may cost is processor time.
const compileWall = 4 * time.Minute

var errCompileWall = errors.New("the machine was too busy to compile the module in time")

// compiler compiles modules one at a time.
type compiler struct {
	command []string // empty: in this process
	wall    time.Duration
	limits  compileLimits
	log     *slog.Logger
}

func newCompiler(command []string, log *slog.Logger) compiler {
	return compiler{command: command, wall: compileWall, log: log, limits: compileLimits{
		MemoryBytes: 1536 << 20,
		Seconds:     120,
		FileBytes:   512 << 20,
	}}
}

// compile runs the compilation of a folder's module.
func (c compiler) compile(ctx context.Context, dir string, what source) error {
	job := compilation{Version: codeVersion, Dir: dir, Source: what, Limits: c.limits}
	if len(c.command) == 0 {
		return job.run(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.wall, errCompileWall)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command[0], c.command[1:]...)
	cmd.Env = compilerEnvironment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	stdout, stderr := &clipped{room: maxAnswerBytes}, &clipped{room: maxStderrBytes}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	stdin, err := cmd.StdinPipe() // open until the process has ended
	if err != nil {
		return cannotStart(err)
	}
	if err := cmd.Start(); err != nil {
		return cannotStart(err)
	}
	// Best effort: it may have ended already.
	_ = unix.Setpriority(unix.PRIO_PGRP, cmd.Process.Pid, compilerNice)
	request := json.NewEncoder(stdin).Encode(job) // its error shows in what the process does
	err = cmd.Wait()
	if err == nil && request == nil {
		return stdout.answer()
	}
	return c.failure(ctx, errors.Join(err, request), cmd.ProcessState, stderr.kept)
}

// compilerEnvironment has nothing of ours, which is no business of a module's,
// but for what keeps the race detector from a second's sleep at each end.
func compilerEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return !strings.HasPrefix(v, "GORACE=") })
}

// failure says why a process gave no answer.
func (c compiler) failure(ctx context.Context, err error, ended *os.ProcessState, stderr []byte) error {
	status := ended.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled() && ended.UserTime()+ended.SystemTime()+time.Second/2 >= time.Duration(c.limits.Seconds)*time.Second: // the kernel counts in ticks
		return overLimit("compiling the module took more than the %d seconds of processor time that it may: make it smaller, or its functions", c.limits.Seconds)
	case errors.Is(context.Cause(ctx), errCompileWall):
		return engine.Unavailable(err, "compiling the module took longer than %s, because the machine has too much else to do; try again", c.wall)
	case ctx.Err() != nil:
		return engine.Unavailable(context.Cause(ctx), "compiling the module was stopped")
	case status.ExitStatus() == exitMemory:
		return overLimit("compiling the module needs more than the %d MiB of memory that it may: make it smaller, or its functions", c.limits.MemoryBytes>>20)
	}
	c.log.Error("the compiler of hooks failed", "error", err, "stderr", string(stderr))
	if status.ExitStatus() == exitFailed {
		return engine.Unavailable(err, "the compiler of hooks could not do its work; the engine's log has why")
	}
	return &engine.Error{Code: engine.CodeInvalidInput, Field: []string{"module"}, Err: err,
		Message: "the compiler failed on the module without saying why, as it does on what is nested too deeply; the engine's log has what it wrote"}
}

func cannotStart(err error) error {
	return engine.Unavailable(err, "the compiler of hooks could not be started")
}

// clipped takes everything and keeps what it has room for. It is no
// bytes.Buffer, whose ReadFrom would take all there is.
type clipped struct {
	kept []byte
	room int
}

func (c *clipped) Write(p []byte) (int, error) {
	n := min(len(p), c.room-len(c.kept))
	c.kept = append(c.kept, p[:n]...)
	return len(p), nil
}

// answer is what a process that ended well said.
func (c *clipped) answer() error {
	var a answer
	if err := json.Unmarshal(c.kept, &a); err != nil {
		return engine.Unavailable(err, "the compiler of hooks did not answer as it should: is the engine's program another version than what runs?")
	}
	if a.Code == "" {
		return nil
	}
	e := engine.Errorf(a.Code, "%s", a.Message)
	if a.Code != engine.CodeUnavailable {
		e.Field = []string{"module"}
	}
	return e
}
