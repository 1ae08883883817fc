package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// retryTime is how long a module that did not load is left alone.
const retryTime = 30 * time.Second

// account is what is known of a hook by its name, whatever version runs.
type account struct {
	name string
	stats
	journal
	history history
}

// hook is a version of a hook with what its instances depend on. Programs and
// pools live as long as a table names it.
type hook struct {
	*account
	host     *Host
	version  engine.HookVersion
	config   json.RawMessage
	limits   engine.HookLimits
	circuits circuits
	program  atomic.Pointer[program]
	// began is the memory that the newest instance began with.
	began atomic.Int64
	// life ends with the hook, and what is being loaded for it.
	life context.Context
	end  context.CancelFunc
	// tables that name it; the host's mutex guards it.
	tables int

	mu      sync.Mutex // guards what follows, and the pools
	pools   map[string]*pool
	closed  bool
	loading chan struct{} // closed when the load that runs has ended
	problem error
	retryAt time.Time
}

func (h *Host) newHook(a *account, r engine.HookRecord) *hook {
	k := &hook{account: a, host: h, version: r.Version(), config: slices.Clone(r.Config), limits: r.Limits, pools: map[string]*pool{}}
	k.life, k.end = context.WithCancel(h.running)
	return k
}

// same tells whether k's instances are what r asks for.
func (k *hook) same(r engine.HookRecord) bool {
	return k.version.SHA256 == r.Version().SHA256 && k.limits == r.Limits && bytes.Equal(k.config, r.Config)
}

// load returns the program, and loads it where nobody has. It waits no longer
// than ctx and the host's patience.
func (k *hook) load(ctx context.Context) (*program, error) {
	if p := k.program.Load(); p != nil {
		return p, nil
	}
	loaded, err := k.startLoad()
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(k.host.patience)
	defer timer.Stop()
	select {
	case <-loaded:
	case <-ctx.Done():
		return nil, engine.Unavailable(ctx.Err(), "waiting for the hook %q to be loaded was cut short", k.name)
	case <-timer.C:
		return nil, engine.Errorf(engine.CodeUnavailable, "the hook %q is being loaded; try again later", k.name)
	}
	if p := k.program.Load(); p != nil {
		return p, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return nil, k.problem
}

// startLoad has the program loaded in the background, unless that has failed
// just now, and returns what is closed when it has ended.
func (k *hook) startLoad() (<-chan struct{}, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.loading != nil {
		return k.loading, nil
	}
	if k.problem != nil && k.host.now().Before(k.retryAt) {
		return nil, k.problem
	}
	loaded := make(chan struct{})
	if k.program.Load() != nil {
		close(loaded)
		return loaded, nil
	}
	k.loading = loaded
	k.host.background.Go(func() {
		p, err := k.host.loadProgram(k.life, k.version, k.limits)
		k.loaded(p, err)
		close(loaded)
	})
	return loaded, nil
}

func (k *hook) loaded(p *program, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.loading = nil
	switch {
	case err == nil && k.closed:
		p.close()
	case err == nil:
		k.problem = nil
		k.program.Store(p)
	case k.life.Err() != nil:
		k.problem = errClosed()
	default:
		// Also what another try may mend is for the policy meanwhile.
		k.problem = faultf("it cannot be loaded: %s", messageOf(err))
		k.retryAt = k.host.now().Add(retryTime)
		k.host.log.Error("a hook cannot be loaded", "hook", k.name, "error", err)
		k.journal.add(levelError, k.problem.Error())
	}
}

// broken is why the hook cannot run; nil if nothing speaks against it.
func (k *hook) broken() *string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.problem == nil {
		return nil
	}
	text := messageOf(k.problem)
	return &text
}

// close closes what no call uses any more.
func (k *hook) close() {
	k.end()
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.closeIdle(math.MaxInt64, nil)
	if p := k.program.Swap(nil); p != nil {
		p.close()
	}
}

// messageOf is an error for who may see messages and no causes.
func messageOf(err error) string {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.text
	}
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e.Message
	}
	return "an internal error; the log has it"
}
