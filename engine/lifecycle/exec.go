package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// Wakers start containers. See engine.Wakers.
type Wakers struct {
	config Config
	data   string // the data directory, absolute
	log    *slog.Logger
}

var _ engine.Wakers = (*Wakers)(nil)

// New returns wakers for the sessions of a data directory. log gets what
// commands print; nil discards it.
func New(dataDir string, c Config, log *slog.Logger) (*Wakers, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	data, err := filepath.Abs(dataDir)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(filepath.Join(data, "run"), 0o700); err != nil {
		return nil, err
	}
	// As the kernel names what is open in it.
	if data, err = filepath.EvalSymlinks(data); err != nil {
		return nil, err
	}
	return &Wakers{config: c, data: data, log: log}, nil
}

// Wakes implements engine.Wakers.
func (w *Wakers) Wakes(agentGroupID string) bool { return w.config.group(agentGroupID).Exec != nil }

// IdleTime implements engine.Wakers.
func (w *Wakers) IdleTime(agentGroupID string) time.Duration {
	return w.config.group(agentGroupID).idle()
}

// MaxRunning implements engine.Wakers.
func (w *Wakers) MaxRunning() int {
	if w.config.MaxRunning == 0 {
		return 8
	}
	return w.config.MaxRunning
}

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

// Start implements engine.Wakers.
func (w *Wakers) Start(_ context.Context, s engine.Session) (engine.Container, error) {
	g := w.config.group(s.AgentGroupID)
	if g.Exec == nil {
		return nil, fmt.Errorf("agent group %s has no command", s.AgentGroupID)
	}
	if _, err := exec.LookPath(g.Exec.Command[0]); err != nil {
		return nil, err // the shell would only say so in its exit code
	}
	held, err := w.lock(s.ID)
	if err != nil {
		return nil, fmt.Errorf("lock the session's command: %w", err)
	}
	defer held.Close() // the command's copy stays
	folder := filepath.Join(w.data, filepath.FromSlash(s.Folder()))
	argv := g.Exec.argv()
	c := &command{wakers: w, session: s.ID, grace: g.grace(), stop: make(chan struct{}), done: make(chan struct{})}
	c.cmd = exec.Command(argv[0], argv[1:]...)
	c.cmd.Dir, c.cmd.Env = folder, g.Exec.environment(s, folder)
	c.cmd.ExtraFiles = []*os.File{held}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.WaitDelay = killTime // for output of what it left running
	out := &lines{log: w.log.With("session", s.ID)}
	c.cmd.Stdout, c.cmd.Stderr = out, out
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

// End implements engine.Wakers.
func (w *Wakers) End(ctx context.Context, s engine.Session) error {
	if _, err := os.Lstat(w.lockPath(s.ID)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return w.end(ctx, s.ID, w.config.group(s.AgentGroupID).grace())
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

// lines logs what a command prints, line by line. Only os/exec's one copying
// goroutine writes to it.
type lines struct {
	log  *slog.Logger
	rest []byte
}

const maxLine = 4 << 10

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 && len(l.rest) < maxLine {
			return len(b), nil
		}
		line := l.rest[:min(max(i, 0), maxLine)]
		if i < 0 {
			line, i = l.rest, len(l.rest)-1
		}
		l.log.Info("agent: " + string(line))
		l.rest = append(l.rest[:0], l.rest[i+1:]...)
	}
}
