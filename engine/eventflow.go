package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// flushEvery bounds how often the disk is asked to take events, and
	// flushIdly how often while nobody waits for them. The first one after a
	// pause does not wait.
	flushEvery = 25 * time.Millisecond
	flushIdly  = 250 * time.Millisecond
	// flushRetry is the pause after the disk refused.
	flushRetry = time.Second
	// tailEvents are those on disk that are in memory too, for who follows.
	tailEvents = 4096
	// What is beyond both is pruned, every so many events and every so often.
	keepEvents = 100_000
	keepTime   = 7 * 24 * time.Hour
	pruneEvery = 1024
	pruneTime  = time.Hour
)

// eventFlow puts queued events on disk, and shows them to who follows.
type eventFlow struct {
	e     *Engine
	queue *EventQueue
	// attend is told when somebody begins to wait.
	attend  chan struct{}
	waiting atomic.Int64

	mu sync.Mutex // guards what follows
	// newest is the number of the newest event on disk.
	newest int64
	// settled is how many of the events that were ever put are on disk, or lost.
	settled int64
	// tail has the last held events, number n at n modulo its size.
	tail []Event
	held int64
	// flushed is closed, and replaced, when there is more.
	flushed chan struct{}
}

// startEvents begins to empty the engine's queue, until that is closed.
func startEvents(ctx context.Context, e *Engine) (*eventFlow, error) {
	newest, err := e.registry.OpenEvents(ctx, e.now())
	if err != nil {
		return nil, err
	}
	f := &eventFlow{e: e, queue: e.queue, attend: make(chan struct{}, 1), newest: newest, flushed: make(chan struct{})}
	e.queue.flushing.Go(func() { f.run(context.WithoutCancel(ctx)) })
	return f, nil
}

// emit notes that something happened; see EventQueue.Put.
func (e *Engine) emit(ev Event) { e.queue.Put(ev) }

func (f *eventFlow) run(ctx context.Context) {
	f.prune(ctx)
	pruned := f.e.now()
	// By the clock, which goes on while the machine sleeps.
	look := time.NewTicker(time.Minute)
	defer look.Stop()
	var batch []Event
	failing := false
	for unpruned := 0; ; {
		if now := f.e.now(); unpruned >= pruneEvery || now.Sub(pruned).Abs() >= pruneTime {
			unpruned, pruned = 0, now
			f.prune(ctx)
		}
		select {
		case <-f.queue.closed:
			f.end(ctx, batch)
			return
		case <-look.C:
			continue
		case <-f.queue.wake:
		}
		wait := flushEvery
		var put int64
		batch, put = f.queue.take(batch, f.e.now)
		err := f.flush(ctx, batch, put)
		switch {
		case err == nil:
			unpruned += len(batch)
		case !failing:
			f.e.log.Error("put events on disk; will try again", "events", len(batch), "error", err)
		}
		if failing = err != nil; failing {
			wait = flushRetry
		}
		f.pause(wait)
		if !failing && f.waiting.Load() == 0 {
			select {
			case <-f.attend:
			case <-f.queue.full:
			case <-f.queue.closed:
			case <-time.After(flushIdly - flushEvery):
			}
		}
	}
}

func (f *eventFlow) pause(d time.Duration) {
	select {
	case <-f.queue.closed:
	case <-time.After(d):
	}
}

// wait waits for more to be closed. It is no longer than ctx, and the engine.
func (f *eventFlow) wait(ctx context.Context, more <-chan struct{}) error {
	f.waiting.Add(1)
	defer f.waiting.Add(-1)
	tell(f.attend)
	select {
	case <-more:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-f.e.stopped:
		return Errorf(CodeUnavailable, "the engine is shutting down; go on from the last cursor in a moment")
	}
}

// now returns the number of the newest event once all is on disk that was put
// before; a disk that refuses it is not waited for.
func (f *eventFlow) now(ctx context.Context) (int64, error) {
	put := f.queue.total()
	wait, cancel := context.WithTimeout(ctx, flushRetry)
	defer cancel()
	for {
		f.mu.Lock()
		newest, settled, more := f.newest, f.settled, f.flushed
		f.mu.Unlock()
		if settled >= put {
			return newest, nil
		}
		if err := f.wait(wait, more); err != nil {
			if wait.Err() != nil && ctx.Err() == nil {
				return newest, nil
			}
			return 0, err
		}
	}
}

// last returns the number of the newest event on disk, and how many wait for it.
func (f *eventFlow) last() (newest, waiting int64) {
	put := f.queue.total()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest, max(put-f.settled, 0)
}

// flush puts events on disk, or back into the queue.
func (f *eventFlow) flush(ctx context.Context, batch []Event, put int64) error {
	if len(batch) == 0 {
		return nil
	}
	if err := f.e.registry.AppendEvents(ctx, batch); err != nil {
		f.queue.giveBack(batch)
		tell(f.queue.wake)
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.newest, f.settled = batch[len(batch)-1].N, put
	if f.tail == nil {
		f.tail = make([]Event, tailEvents)
	}
	for _, ev := range batch[max(0, len(batch)-tailEvents):] {
		f.tail[ev.N%tailEvents] = ev
	}
	f.held = min(f.held+int64(len(batch)), tailEvents)
	close(f.flushed)
	f.flushed = make(chan struct{})
	return nil
}

// end flushes what is left. If that fails, the next start tells of it.
func (f *eventFlow) end(ctx context.Context, spare []Event) {
	ctx, cancel := context.WithTimeout(ctx, flushRetry)
	defer cancel()
	batch, put := f.queue.take(spare, f.e.now)
	err := f.flush(ctx, batch, put)
	if err == nil {
		err = f.e.registry.CloseEvents(ctx)
	}
	if err != nil {
		f.e.log.Error("put the last events on disk; whoever follows them will be told to read anew", "error", err)
	}
}

// prune removes what is not kept any longer, in steps that hold up nobody.
func (f *eventFlow) prune(ctx context.Context) {
	for more := true; more; {
		var err error
		if more, err = f.e.registry.PruneEvents(ctx, f.e.now().Add(-keepTime), keepEvents); err != nil {
			f.e.log.Warn("remove old events", "error", err)
			return
		}
	}
}

// since reads on from the event after a number, if it is in memory: ok is
// false if it must be read from the disk. more is closed when there are more
// events than now.
func (f *eventFlow) since(after int64, filter EventFilter) (events []Event, end int64, more <-chan struct{}, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if after > f.newest || f.newest-after > f.held {
		return nil, after, f.flushed, false
	}
	end = min(f.newest, after+eventChunk)
	for n := after + 1; n <= end; n++ {
		if ev := f.tail[n%tailEvents]; filter.Selects(ev) {
			events = append(events, ev)
		}
	}
	return events, end, f.flushed, true
}
