package engine

import (
	"context"
	"time"
)

// adoptContainers takes over the containers that an engine before this one
// left.
func (e *Engine) adoptContainers(ctx context.Context) {
	w := e.waking
	for _, s := range w.left {
		if w.wakers == nil {
			e.log.Error("an engine before this one ran a container, and this one cannot find out whether it still runs", "session", s.ID)
			continue
		}
		w.mu.Lock()
		r, starting := w.place(ctx, s.ID, s.AgentGroupID)
		r.left = true
		w.mu.Unlock()
		go w.adopt(ctx, starting, s, r)
	}
	w.left = nil
}

// adopt runs a container that an engine before this one left to its end. It
// has a place from the start: as long as it is not known that nothing of it
// runs, it may.
func (w *waking) adopt(ctx, starting context.Context, s Session, r *run) {
	defer w.runs.Done()
	defer r.cancel()
	var c Container
	ok := w.again(starting, s, "take over what is left of a container", func() (err error) {
		c, err = w.wakers.Adopt(starting, s)
		return err
	})
	switch {
	case !ok: // the next engine's
	case c == nil:
		w.ended(s.ID, false)
		w.e.workers.Go(func() { w.markStopped(ctx, s) })
	default:
		w.e.log.Info("took over a container that an engine before this one started", "session", s.ID)
		w.follow(ctx, s, r, c)
		w.tidy(ctx, s, nil)
	}
}

// markStopped notes that nothing runs of a session's container.
func (w *waking) markStopped(ctx context.Context, s Session) {
	w.again(ctx, s, "tidy after a container", func() error {
		_, err := w.e.mark(ctx, s.ID, ContainerStopped, true)
		return err
	})
}

// again does something until it succeeds, or ctx ends.
func (w *waking) again(ctx context.Context, s Session, what string, do func() error) bool {
	for pause := wakeRetry; ; pause = min(2*pause, time.Minute) {
		err := do()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		w.e.log.Error(what+"; will try again", "session", s.ID, "error", err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}
