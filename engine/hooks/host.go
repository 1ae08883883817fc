package hooks

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
)

const (
	defaultMemory   = 1 << 30
	defaultPatience = 10 * time.Second
	sweepTime       = 15 * time.Second
	// maxKeptBuffer is the largest buffer that is kept for the next call.
	maxKeptBuffer = 4 << 20
)

// Options of Open.
type Options struct {
	// Now is the time, for circuits and logs; nil is time.Now.
	Now func() time.Time
	// Log gets what an operator should know; nil is slog.Default.
	Log *slog.Logger
	// Metrics has the hooks' metrics until Close; nil for none.
	Metrics prometheus.Registerer
	// Compiler is the command line of a process that compiles; empty: this
	// process does, which is unlimited.
	Compiler []string
	// MemoryBytes bounds the memory of all instances together; 0 is 1 GiB.
	MemoryBytes int64
	// QueueTime bounds the wait for an instance; 0 is 10 seconds.
	QueueTime time.Duration
}

// Host is an engine.HookHost.
type Host struct {
	log      *slog.Logger
	now      func() time.Time
	patience time.Duration
	library  *library
	budget   *budget
	metrics  prometheus.Registerer
	series   *series
	waiting  atomic.Int64 // calls that wait for an instance
	passages sync.Pool    // of *passage

	current atomic.Pointer[table]

	// background has the loads and the janitor, until running ends.
	background sync.WaitGroup
	running    context.Context
	stop       context.CancelFunc
	loads      chan struct{} // has a place for each load at one time

	using sync.Mutex // guards the making of a table from the one before

	mu sync.Mutex // guards the swap of tables, and what follows
	// inUse has the hooks that a table names.
	inUse map[*hook]bool
	// tables that are not drained; the last wakes Close.
	tables  int
	drained *sync.Cond
}

var _ engine.HookHost = (*Host)(nil)

// Open makes a host that keeps modules, and what was compiled of them, in dir,
// which is its own. Use says what runs.
func Open(dir string, o Options) (*Host, error) {
	o.Log = cmp.Or(o.Log, slog.Default())
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Host{
		log:      o.Log,
		now:      o.Now,
		patience: cmp.Or(o.QueueTime, defaultPatience),
		metrics:  o.Metrics,
		loads:    make(chan struct{}, runtime.GOMAXPROCS(0)),
		inUse:    map[*hook]bool{},
	}
	h.budget = newBudget(cmp.Or(o.MemoryBytes, defaultMemory), h.evict)
	h.passages.New = func() any { return &passage{} }
	h.running, h.stop = context.WithCancel(context.Background())
	h.drained = sync.NewCond(&h.mu)
	h.swap(&table{})
	l, err := openLibrary(dir, o, instantiateImports)
	if err != nil {
		return nil, err
	}
	h.library = l
	if o.Metrics != nil {
		h.series = newSeries(h)
		if err := o.Metrics.Register(h.series); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	h.background.Go(h.sweep)
	return h, nil
}

// Close waits for the calls that run. Those that come after it fail with
// CodeUnavailable.
func (h *Host) Close() error {
	if !h.swap(&table{closed: true}) {
		return nil
	}
	h.stop()
	h.mu.Lock()
	for h.tables > 1 {
		h.drained.Wait()
	}
	h.mu.Unlock()
	h.background.Wait()
	if h.series != nil {
		h.metrics.Unregister(h.series)
	}
	return h.library.close()
}

// Add implements engine.HookHost.
func (h *Host) Add(ctx context.Context, module []byte) (engine.HookVersion, error) {
	return h.library.add(ctx, module)
}

// Keep implements engine.HookHost.
func (h *Host) Keep(hashes []string) error { return h.library.keep(hashes) }

// Use implements engine.HookHost. The modules are loaded in the background.
func (h *Host) Use(records []engine.HookRecord) {
	h.using.Lock()
	defer h.using.Unlock()
	t := &table{byName: map[string]*hook{}, accounts: map[string]*account{}}
	old, release := h.acquire()
	defer release()
	for _, r := range records {
		a := old.accounts[r.Name]
		if a == nil {
			a = &account{name: r.Name, journal: journal{hook: r.Name, now: h.now, log: h.log}}
		}
		t.accounts[r.Name] = a
		if !r.Enabled {
			continue
		}
		k := old.byName[r.Name]
		if k == nil || !k.same(r) {
			k = &hook{account: a, host: h, version: r.Version(), config: slices.Clone(r.Config), limits: r.Limits, pools: map[string]*pool{}}
		}
		t.add(k, r)
	}
	t.sort()
	if !h.swap(t) {
		return
	}
	for _, k := range t.hooks {
		// What failed just now is left alone.
		_, _ = k.startLoad()
	}
}

func errClosed() error { return engine.Errorf(engine.CodeUnavailable, "the hooks are shut down") }

// swap puts t in use, unless the host is closed.
func (h *Host) swap(t *table) bool {
	t.holders.Store(1)
	h.mu.Lock()
	old := h.current.Load()
	if old != nil && old.closed {
		h.mu.Unlock()
		return false
	}
	h.tables++
	for _, k := range t.hooks {
		k.tables++
		h.inUse[k] = true
	}
	h.current.Store(t)
	h.mu.Unlock()
	if old != nil {
		h.release(old)
	}
	return true
}

// acquire returns the table in use, until release.
func (h *Host) acquire() (t *table, release func()) {
	t = h.hold()
	return t, func() { h.release(t) }
}

func (h *Host) hold() *table {
	for {
		t := h.current.Load()
		// A table that nobody holds is not in use any more.
		if n := t.holders.Load(); n > 0 && t.holders.CompareAndSwap(n, n+1) {
			return t
		}
	}
}

func (h *Host) release(t *table) {
	if t.holders.Add(-1) > 0 {
		return
	}
	var unused []*hook
	h.mu.Lock()
	for _, k := range t.hooks {
		if k.tables--; k.tables == 0 {
			unused = append(unused, k)
			delete(h.inUse, k)
		}
	}
	h.mu.Unlock()
	for _, k := range unused {
		k.close()
	}
	h.mu.Lock()
	h.tables--
	h.drained.Broadcast()
	h.mu.Unlock()
}

// loadProgram loads a module when there is a place.
func (h *Host) loadProgram(ctx context.Context, v engine.HookVersion, l engine.HookLimits) (*program, error) {
	select {
	case h.loads <- struct{}{}:
		defer func() { <-h.loads }()
	case <-ctx.Done():
		return nil, engine.Unavailable(ctx.Err(), "loading a hook was cut short")
	}
	return h.library.load(ctx, v, l.MemoryBytes)
}

// State implements engine.HookHost.
func (h *Host) State(name string) engine.HookState {
	t, release := h.acquire()
	defer release()
	s := engine.HookState{Circuit: engine.CircuitClosed}
	if a := t.accounts[name]; a != nil {
		s.Stats = a.snapshot()
	}
	if k := t.byName[name]; k != nil {
		s.Circuit, s.Problem = k.circuit.state(h.now), k.broken()
	}
	return s
}

// Log implements engine.HookHost.
func (h *Host) Log(name string, n int) []engine.HookLogEntry {
	t, release := h.acquire()
	defer release()
	if a := t.accounts[name]; a != nil {
		return a.last(n)
	}
	return nil
}

// Applies implements engine.HookHost.
func (h *Host) Applies(p engine.HookPoint, target engine.HookTarget) bool {
	t := h.current.Load()
	if t.closed {
		return true
	}
	chain := t.chains[pointIndex(p)]
	for i := range chain {
		if target.In(chain[i].scope) {
			return true
		}
	}
	return false
}

// Run implements engine.HookHost.
func (h *Host) Run(ctx context.Context, c engine.HookCall) (engine.HookAction, error) {
	t := h.hold()
	defer h.release(t)
	if t.closed {
		return "", errClosed()
	}
	p := h.passages.Get().(*passage)
	p.HookCall, p.point, p.ready = c, pointIndex(c.Point), false
	defer h.putPassage(p)
	result := engine.HookPassed
	chain := t.chains[p.point]
	for i := range chain {
		if !c.Target.In(chain[i].scope) {
			continue
		}
		switch action, err := chain[i].run(ctx, p); {
		case err != nil:
			return action, err
		case action == engine.HookDropped || action == engine.HookRemoved:
			return action, nil
		case action == engine.HookReplaced:
			result = action
		}
	}
	return result, nil
}

func (h *Host) putPassage(p *passage) {
	input, out := p.input[:0], p.out[:0]
	if cap(input) > maxKeptBuffer {
		input = nil
	}
	if cap(out) > maxKeptBuffer {
		out = nil
	}
	*p = passage{input: input, out: out}
	h.passages.Put(p)
}

// sweep closes instances that nobody has called for a while.
func (h *Host) sweep() {
	ticker := time.NewTicker(sweepTime)
	defer ticker.Stop()
	for {
		select {
		case <-h.running.Done():
			return
		case now := <-ticker.C:
			h.closeIdle(now.Add(-idleTime))
		}
	}
}

func (h *Host) closeIdle(before time.Time) {
	for _, k := range h.hooksInUse() {
		k.closeIdle(before)
	}
}

func (h *Host) hooksInUse() []*hook {
	h.mu.Lock()
	defer h.mu.Unlock()
	hooks := make([]*hook, 0, len(h.inUse))
	for k := range h.inUse {
		hooks = append(hooks, k)
	}
	return hooks
}

// evict closes the instances that have been idle longest, until bytes of the
// budget are free, and an eighth of it: looking for them costs as much as there
// are pools, so it should be seldom.
func (h *Host) evict(bytes int64) {
	type idler struct {
		at    time.Time
		bytes int64
	}
	var all []idler
	hooks := h.hooksInUse()
	for _, k := range hooks {
		k.idle(func(at time.Time, bytes int64) { all = append(all, idler{at, bytes}) })
	}
	slices.SortFunc(all, func(a, b idler) int { return a.at.Compare(b.at) })
	missing := h.budget.used.Load() + bytes + h.budget.limit/8 - h.budget.limit
	var before time.Time
	for _, i := range all {
		if missing <= 0 {
			break
		}
		missing -= i.bytes
		before = i.at.Add(1)
	}
	if before.IsZero() {
		return
	}
	for _, k := range hooks {
		k.closeIdle(before)
	}
}
