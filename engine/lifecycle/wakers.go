package lifecycle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// Wakers start containers. See engine.Wakers.
type Wakers struct {
	config atomic.Pointer[Config]
	data   string // the data directory, absolute
	name   string // of the data directory, among those of this machine
	log    *slog.Logger
	calls  chan struct{} // as many as docker or podman are called at one time
}

var _ engine.Wakers = (*Wakers)(nil)

// New returns wakers for the sessions of a data directory. log gets what
// commands and containers print; nil discards it.
func New(dataDir string, c Config, log *slog.Logger) (*Wakers, error) {
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
	sum := sha256.Sum256([]byte(data))
	w := &Wakers{data: data, name: hex.EncodeToString(sum[:6]), log: log, calls: make(chan struct{}, maxCalls)}
	return w, w.Reload(c)
}

// Reload has another configuration for what is started from now on; what runs
// is not touched. A configuration with mistakes changes nothing.
func (w *Wakers) Reload(c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	w.config.Store(&c)
	return nil
}

func (w *Wakers) group(agentGroupID string) Group { return w.config.Load().group(agentGroupID) }

// Wakes implements engine.Wakers.
func (w *Wakers) Wakes(agentGroupID string) bool { return w.Kind(agentGroupID) != "none" }

// Kind is how the containers of an agent group are started: exec, docker, or
// none.
func (w *Wakers) Kind(agentGroupID string) string {
	switch g := w.group(agentGroupID); {
	case g.Exec != nil:
		return "exec"
	case g.Docker != nil:
		return "docker"
	}
	return "none"
}

// IdleTime implements engine.Wakers.
func (w *Wakers) IdleTime(agentGroupID string) time.Duration { return w.group(agentGroupID).idle() }

// MaxRunning implements engine.Wakers.
func (w *Wakers) MaxRunning() int {
	if n := w.config.Load().MaxRunning; n > 0 {
		return n
	}
	return 8
}

// StopTime is how long it takes at most to end what runs, unless something is
// wrong.
func (w *Wakers) StopTime() (longest time.Duration) {
	for _, g := range w.config.Load().AgentGroups {
		if g.Exec != nil || g.Docker != nil {
			longest = max(longest, g.grace()+stopTime)
		}
	}
	return longest
}

// stopTime is what ending a container takes beside its grace.
const stopTime = 5 * time.Second

// Start implements engine.Wakers.
func (w *Wakers) Start(ctx context.Context, s engine.Session) (engine.Container, error) {
	switch g := w.group(s.AgentGroupID); {
	case g.Exec != nil:
		return w.startCommand(s, g)
	case g.Docker != nil:
		return w.startContainer(ctx, s, g)
	}
	return nil, fmt.Errorf("agent group %s has no waker", s.AgentGroupID)
}

// Adopt implements engine.Wakers. The configuration may be another by now: a
// command is found by its lock, a container by its note.
func (w *Wakers) Adopt(ctx context.Context, s engine.Session) (engine.Container, error) {
	grace := w.group(s.AgentGroupID).grace()
	c, err := w.adoptContainer(ctx, s, grace)
	if c != nil || err != nil {
		return c, err
	}
	return nil, w.endCommand(ctx, s.ID, grace)
}

// folder is a session's, below a data directory.
func folder(data string, s engine.Session) string {
	return filepath.Join(data, filepath.FromSlash(s.Folder()))
}
