package hooks

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
)

const (
	defaultMemory   = 1 << 30
	defaultPatience = 10 * time.Second
	// maxKeptBuffer is the largest buffer that is kept for the next call.
	maxKeptBuffer = 4 << 20
	// inputMemory is what all calls together may hold of inputs that are larger
	// than smallInput: those wait for an instance, too.
	inputMemory = 512 << 20
	smallInput  = 256 << 10
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
	// Events is told of failures, if not nil, of each hook's once a second at
	// most.
	Events *engine.EventQueue
}

// Host is an engine.HookHost.
type Host struct {
	log      *slog.Logger
	now      func() time.Time
	patience time.Duration
	opened   time.Time
	phase    time.Duration // of the minute in which it was
	events   *engine.EventQueue
	library  *library
	memory   *quota // of all instances
	inputs   *quota // of what hooks are given that is large
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
		opened:   time.Now(),
		patience: cmp.Or(o.QueueTime, defaultPatience),
		events:   o.Events,
		metrics:  o.Metrics,
		loads:    make(chan struct{}, runtime.GOMAXPROCS(0)),
		inUse:    map[*hook]bool{},
		inputs:   newQuota(inputMemory, "the memory for what hooks are given at one time", nil),
	}
	h.phase = h.opened.Sub(h.opened.Truncate(time.Minute))
	h.memory = newQuota(cmp.Or(o.MemoryBytes, defaultMemory), "the memory that hooks may have", h.evict)
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
			k = h.newHook(a, r)
		}
		t.add(k, r)
	}
	t.sort()
	if !h.swap(t) {
		for _, k := range t.hooks {
			k.end()
		}
		return
	}
	for _, k := range t.hooks {
		// What failed just now is left alone.
		_, _ = k.startLoad()
	}
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
		s.Circuit, s.Problem = k.circuits.state(h.now), k.broken()
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
		if target.In(&chain[i].scope) {
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
	p.HookCall, p.point, p.epoch = c, pointIndex(c.Point), h.opened
	defer h.putPassage(p)
	result := engine.HookPassed
	chain := t.chains[p.point]
	for i := range chain {
		if !p.Target.In(&chain[i].scope) {
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

// makeRoom waits until there is room for the input, which the subject and the
// passage have each. It is called with an instance in hand, so that who waits
// for one has no room that others could use.
func (h *Host) makeRoom(ctx context.Context, c *passage) error {
	if c.room.bytes > 0 || c.ready {
		return nil
	}
	size := c.Subject.InputBytes()
	if size <= smallInput {
		return nil
	}
	bytes := min(2*size, inputMemory)
	room := claim{group: c.Target.AgentGroupID, bytes: bytes, need: bytes}
	if !h.inputs.try(&room, false) {
		if err := h.inputs.wait(c.waiting(ctx), &room, time.Now().Add(h.patience)); err != nil {
			return err
		}
	}
	c.room = room
	return nil
}

// leaveRoom gives up the room for the input, and what was in it.
func (h *Host) leaveRoom(c *passage) {
	if c.room.bytes == 0 {
		return
	}
	c.input, c.ready = nil, false
	c.Subject.Release()
	h.inputs.give(&c.room, c.room.bytes)
	c.room = claim{}
}

func (h *Host) putPassage(p *passage) {
	if p.cancel != nil {
		p.cancel()
	}
	if p.room.bytes > 0 {
		h.inputs.give(&p.room, p.room.bytes)
	}
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

func errClosed() error { return engine.Errorf(engine.CodeUnavailable, "the hooks are shut down") }
