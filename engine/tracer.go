package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
)

const (
	// traceGather is how long the first trace waits for others.
	traceGather = time.Second
	// tracePrune is how often old ones are looked for where none are new.
	tracePrune = time.Hour
	traceRetry = 5 * time.Second
)

// tracer keeps traces, behind everything else: who writes a message leaves its
// trace and goes on. Its methods may be called on nil, and concurrently.
type tracer struct {
	e      *Engine
	traces HookTraces
	// wake has room for one.
	wake chan struct{}
	// awake: it was woken, and has not taken what waits since. What is kept
	// meanwhile is taken, too.
	awake atomic.Bool
	lost  atomic.Int64
	free  sync.Pool // of *HookTrace

	mu   sync.Mutex // guards gone
	gone []string   // sessions to forget
}

// newTracer returns nil where traces are not kept, or there are no hooks.
func newTracer(e *Engine, traces HookTraces) *tracer {
	if traces == nil || e.hooks == nil {
		return nil
	}
	return &tracer{e: e, traces: traces, wake: make(chan struct{}, 1)}
}

// begin makes a trace for what hooks are about to be asked; nil for none.
func (t *tracer) begin(s *Session, d Direction, id string, at time.Time) *HookTrace {
	if t == nil {
		return nil
	}
	h, _ := t.free.Get().(*HookTrace)
	if h == nil {
		h = &HookTrace{}
	}
	h.SessionID, h.Direction, h.ID, h.ReceivedAt = s.ID, d, xxhash.Sum64String(id), at
	return h
}

// written keeps the trace of a message that is on disk since then, and takes it
// from the caller.
func (t *tracer) written(trace **HookTrace, seq int64, at time.Time) {
	if h := *trace; h != nil {
		h.WrittenAt = at
		t.keep(trace, seq)
	}
}

// judged keeps the trace of a reply, whatever became of it, and takes it from
// the caller.
func (t *tracer) judged(trace **HookTrace, r Reply) {
	if *trace != nil && r.Seq != nil {
		t.keep(trace, *r.Seq)
	}
}

func (t *tracer) keep(trace **HookTrace, seq int64) {
	h := *trace
	*trace = nil
	if len(h.Runs) > 0 {
		h.Seq = seq
		if !t.traces.Add(h) {
			t.lost.Add(1)
		}
		if !t.awake.Load() {
			t.stir()
		}
	}
	*h = HookTrace{}
	t.free.Put(h)
}

func (t *tracer) stir() {
	t.awake.Store(true)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// forget has the traces of a session removed that is no more.
func (t *tracer) forget(sessionID string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.gone = append(t.gone, sessionID)
	t.mu.Unlock()
	t.stir()
}

func (t *tracer) run(ctx context.Context) {
	if err := t.sweep(ctx); err != nil && ctx.Err() == nil {
		t.e.log.Warn("look for traces of sessions that are no more", "error", err)
	}
	for ctx.Err() == nil {
		select {
		case <-t.wake:
			pause(ctx, traceGather)
			// What was acknowledged last is stored also when the engine ends.
			if err := t.flush(context.WithoutCancel(ctx)); err != nil {
				t.e.log.Warn("keep what hooks did to messages; will try again", "error", err)
				t.stir()
				pause(ctx, traceRetry)
				continue
			}
		case <-time.After(tracePrune):
		case <-ctx.Done():
		}
		if err := t.prune(ctx); err != nil && ctx.Err() == nil {
			t.e.log.Warn("remove old traces of hooks", "error", err)
		}
	}
	if err := t.flush(context.WithoutCancel(ctx)); err != nil {
		t.e.log.Warn("keep what hooks did to messages", "error", err)
	}
}

// flush stores what waits, and forgets what is to be forgotten.
func (t *tracer) flush(ctx context.Context) error {
	t.mu.Lock()
	gone := t.gone
	t.gone = nil
	t.mu.Unlock()
	t.awake.Store(false)
	err := t.traces.Store(ctx, t.e.now())
	for len(gone) > 0 && err == nil {
		if err = t.forgetNow(ctx, gone[0]); err == nil {
			gone = gone[1:]
		}
	}
	if len(gone) > 0 {
		t.mu.Lock()
		t.gone = append(gone, t.gone...)
		t.mu.Unlock()
	}
	return err
}

func (t *tracer) forgetNow(ctx context.Context, sessionID string) error {
	for more := true; more; {
		var err error
		if more, err = t.traces.Forget(ctx, sessionID); err != nil {
			return err
		}
	}
	return nil
}

// sweep forgets sessions that were archived and not forgotten before a crash.
func (t *tracer) sweep(ctx context.Context) error {
	for after := ""; ; {
		ids, err := t.traces.Sessions(ctx, after, MaxPage)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			_, err := t.e.registry.Session(ctx, id)
			if CodeOf(err) == CodeNotFound {
				err = t.forgetNow(ctx, id)
			}
			if err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}

func (t *tracer) prune(ctx context.Context) error {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = t.traces.Prune(ctx, t.e.now()); err != nil {
			return err
		}
	}
	return nil
}

// MessageTraces returns what hooks did to messages of one session, by their
// ids: of those of which it is known.
func (e *Engine) MessageTraces(ctx context.Context, sessionID string, of []Message) (map[string]*HookTrace, error) {
	return tracesOf(ctx, e.tracer, sessionID, DirectionIn, of, func(m Message) (*int64, string) { return m.Seq, m.ID })
}

// ReplyTraces is MessageTraces for replies: of what hooks were asked last.
func (e *Engine) ReplyTraces(ctx context.Context, sessionID string, of []Reply) (map[string]*HookTrace, error) {
	return tracesOf(ctx, e.tracer, sessionID, DirectionOut, of, func(r Reply) (*int64, string) { return r.Seq, r.ID })
}

func tracesOf[T any](ctx context.Context, t *tracer, sessionID string, d Direction, of []T, key func(T) (*int64, string)) (map[string]*HookTrace, error) {
	if t == nil {
		return nil, nil
	}
	var seqs []int64
	ids := map[int64]string{}
	for _, item := range of {
		if seq, id := key(item); seq != nil {
			seqs = append(seqs, *seq)
			ids[*seq] = id
		}
	}
	found, err := t.traces.Find(ctx, sessionID, d, seqs)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*HookTrace, len(found))
	for seq, h := range found {
		// A folder that was put back from a copy numbers others so, and a container
		// numbers as it likes.
		if id := ids[seq]; xxhash.Sum64String(id) == h.ID {
			byID[id] = h
		}
	}
	return byID, nil
}

// LostTraces counts the traces that were not kept, since too many waited.
func (e *Engine) LostTraces() int64 {
	if e.tracer == nil {
		return 0
	}
	return e.tracer.lost.Load()
}
