// Package agent is the container's side of the session folder: it runs a
// program for each message that is due and writes what it answers. It knows
// the folder by the protocol alone, and works on folders of any host.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Input is the form in which a command gets its message.
type Input string

const (
	// InputText is the message's text, for people and language models.
	InputText Input = "text"
	// InputJSON is the whole message with its context and attachments.
	InputJSON Input = "json"
)

// Config says where messages come from and what is run for them.
type Config struct {
	// Workspace is the session's folder.
	Workspace string
	// Command is a program and its arguments. It runs in the agent's own
	// working directory.
	Command []string
	Input   Input
	// Poll is how long the agent waits between two looks at the mailbox.
	Poll time.Duration
	// Timeout bounds one run of the command.
	Timeout time.Duration
	// Grace is how long a running command may go on after the agent is asked
	// to stop.
	Grace time.Duration
	// Once handles what is due and returns.
	Once bool
	// Kill, when closed, ends the grace early.
	Kill <-chan struct{}
	// Stderr gets what the command writes to its standard error.
	Stderr io.Writer
	Log    *slog.Logger
}

var (
	// ErrCutShort: the agent was stopped while its command ran; the message
	// stays claimed, and the next start does it again.
	ErrCutShort = errors.New("the command was cut short; its message is done again at the next start")
	// ErrNoWorkspace: the workspace is not a directory.
	ErrNoWorkspace = errors.New("the workspace is not a directory")
	// ErrNoCommand: the command is not a program that can be run.
	ErrNoCommand = errors.New("the command cannot be run")
	// ErrUnusable: with Once, the mailbox cannot be used now.
	ErrUnusable = errors.New("the mailbox cannot be used")
)

// maxDelay is how long the agent waits at most before it tries a mailbox
// again that it could not read.
const maxDelay = 5 * time.Second

type agent struct {
	Config
	dir  string // absolute, without symbolic links
	root *os.Root

	took    bool            // the predecessor's claims are gone
	looked  bool            // the first look is over: it alone sees on_wake rows
	wake    map[string]bool // on_wake rows that the first look saw
	seen    signature
	lookAt  time.Time // look again then, whether or not the files changed
	problem string    // as last reported
}

// Run works on the mailbox until ctx is done, then lets a running command
// finish within the grace. It returns nil then, or ErrCutShort. A mailbox that
// cannot be used is reported and waited for; with Once it is ErrUnusable. Any
// other error leaves a claim that the next start does again.
func Run(ctx context.Context, cfg Config) error {
	dir, err := workspace(cfg.Workspace)
	if err != nil {
		return err
	}
	if len(cfg.Command) == 0 {
		return ErrNoCommand
	}
	if _, err := exec.LookPath(cfg.Command[0]); err != nil {
		return fmt.Errorf("%w: %w", ErrNoCommand, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoWorkspace, err)
	}
	defer root.Close()
	a := &agent{Config: cfg, dir: dir, root: root, wake: map[string]bool{}}

	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(done)
	wg.Go(func() {
		defer cancel()
		select {
		case <-ctx.Done():
		case <-done:
			return
		}
		grace := time.NewTimer(cfg.Grace)
		defer grace.Stop()
		select {
		case <-grace.C:
		case <-cfg.Kill:
		case <-done:
		}
	})
	return a.loop(ctx, work)
}

func workspace(path string) (string, error) {
	dir, err := filepath.Abs(path)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoWorkspace, err)
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return "", fmt.Errorf("%w: %s", ErrNoWorkspace, dir)
	}
	return dir, nil
}

// fatal is an error after which going on would do harm, or no good.
type fatal struct{ err error }

func (f *fatal) Error() string { return f.err.Error() }
func (f *fatal) Unwrap() error { return f.err }

// loop ends when ctx is done; work is done when the grace is over too.
func (a *agent) loop(ctx, work context.Context) error {
	delay := a.Poll
	for ctx.Err() == nil {
		worked, err := a.round(ctx, work)
		if f, ok := errors.AsType[*fatal](err); ok {
			return f.err
		}
		if a.Once && err != nil {
			return fmt.Errorf("%w: %w", ErrUnusable, err)
		}
		if a.Once {
			return nil
		}
		a.report(err)
		switch {
		case err != nil:
			delay = min(2*delay, max(maxDelay, a.Poll))
		case worked:
			delay = a.Poll
			continue
		default:
			delay = a.Poll
		}
		pause(ctx, delay)
	}
	return nil
}

// round takes over if that is still to be done, looks once, and works on all
// that is due.
func (a *agent) round(ctx, work context.Context) (worked bool, err error) {
	if !a.took {
		if err := a.takeOver(); err != nil {
			return false, err
		}
		a.took = true
		a.Log.Info("ready", "workspace", a.dir)
	}
	due, waiting, err := a.look(time.Now())
	if err != nil {
		return false, err
	}
	for _, r := range due {
		if ctx.Err() != nil {
			break
		}
		var along []row
		along, waiting = comesAlong(r, waiting)
		did, err := a.turn(work, r, along)
		if err != nil {
			return worked, err
		}
		worked = worked || did
	}
	return worked, nil
}

// report says once what is wrong, and once that it is over.
func (a *agent) report(err error) {
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	switch {
	case problem == "" && a.problem == "":
	case problem == a.problem:
		a.Log.Debug("the mailbox still cannot be used", "error", err)
	case err != nil:
		a.Log.Warn("the mailbox cannot be used; waiting", "error", err)
	default:
		a.Log.Info("the mailbox can be used again")
	}
	a.problem = problem
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
