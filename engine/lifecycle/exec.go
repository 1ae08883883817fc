package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// errRuns: a process of a session's command holds its lock.
var errRuns = errors.New("a process of it still runs")

// lock takes a session's lock. The command inherits it, and so do all
// processes that it starts: as long as one of them lives, it is taken.
func (w *Wakers) lock(sessionID string) (*os.File, error) {
	f, err := os.OpenFile(w.lockPath(sessionID), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errRuns
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (w *Wakers) lockPath(sessionID string) string {
	return filepath.Join(w.data, "run", sessionID+".lock")
}

// startCommand starts a session's command.
func (w *Wakers) startCommand(s engine.Session, g Group) (engine.Container, error) {
	if _, err := exec.LookPath(g.Exec.Command[0]); err != nil {
		return nil, err // the shell would only say so in its exit code
	}
	held, err := w.lock(s.ID)
	if err != nil {
		return nil, fmt.Errorf("lock the session's command: %w", err)
	}
	defer held.Close() // the command's copy stays
	dir := folder(w.data, s)
	argv := g.Exec.argv()
	c := &command{wakers: w, session: s.ID, grace: g.grace(), stop: make(chan struct{}), done: make(chan struct{})}
	c.cmd = exec.Command(argv[0], argv[1:]...)
	c.cmd.Dir, c.cmd.Env = dir, g.Exec.environment(s, dir)
	c.cmd.ExtraFiles = []*os.File{held}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.WaitDelay = killTime // for output of what it left running
	c.out = &lines{log: w.log.With("session", s.ID)}
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.out
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go c.run()
	return c, nil
}

// command is one that runs. See engine.Container.
type command struct {
	wakers   *Wakers
	session  string
	cmd      *exec.Cmd
	out      *lines
	grace    time.Duration
	stopping sync.Once
	stop     chan struct{} // closed to have it ended
	done     chan struct{}
}

// Done implements engine.Container.
func (c *command) Done() <-chan struct{} { return c.done }

// Stop implements engine.Container.
func (c *command) Stop() { c.stopping.Do(func() { close(c.stop) }) }

func (c *command) run() {
	defer close(c.done)
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-c.stop:
		c.signal(syscall.SIGTERM)
		grace := time.NewTimer(c.grace)
		select {
		case err = <-ended:
		case <-grace.C:
			c.signal(syscall.SIGKILL)
			err = <-ended
		}
		grace.Stop()
	}
	c.out.end()
	if err != nil {
		c.wakers.log.Info("a session's command ended", "session", c.session, "status", err)
	}
	// What it started and did not wait for.
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		c.signal(syscall.SIGKILL)
		switch err := c.wakers.end(context.Background(), c.session, 0); {
		case err == nil:
			return
		case pause == time.Second:
			c.wakers.log.Error("end what a session's command left running; will try again", "session", c.session, "error", err)
		}
		time.Sleep(pause)
	}
}

// signal signals the command's process group, which may be gone.
func (c *command) signal(s syscall.Signal) { _ = syscall.Kill(-c.cmd.Process.Pid, s) }

// endCommand ends what an engine before this one has left of a session's
// command: what it prints has nobody who reads it.
func (w *Wakers) endCommand(ctx context.Context, sessionID string, grace time.Duration) error {
	if _, err := os.Lstat(w.lockPath(sessionID)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return w.end(ctx, sessionID, grace)
}

// end has the processes that hold a session's lock end, and kills them after
// a grace.
func (w *Wakers) end(ctx context.Context, sessionID string, grace time.Duration) error {
	signal := syscall.SIGTERM
	if grace == 0 {
		signal = syscall.SIGKILL
	}
	deadline := time.Now().Add(grace)
	for sent := map[int]syscall.Signal{}; ; {
		f, err := w.lock(sessionID)
		if err == nil {
			return errors.Join(os.Remove(f.Name()), f.Close())
		}
		if !errors.Is(err, errRuns) {
			return err
		}
		if now := time.Now(); !now.Before(deadline) {
			if now.Sub(deadline) > killTime {
				return fmt.Errorf("%w, and cannot be ended: see who has %s open", errRuns, w.lockPath(sessionID))
			}
			signal = syscall.SIGKILL
		}
		for _, pid := range holders(w.lockPath(sessionID)) {
			if sent[pid] != signal {
				sent[pid] = signal
				_ = syscall.Kill(pid, signal)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// killTime is how long a process may take to die of SIGKILL.
const killTime = 2 * time.Second
