package engine

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// replyFlow is what an Engine has for replies on their way out.
type replyFlow struct {
	deliverer *deliverer
	sender    Sender // nil: replies are pulled
	// instance tells leases of this engine from those of one that is no more.
	instance          string
	replyKey, fileKey []byte
	noticing          gates[string] // by session id: what is new is noted once
	inside            gates[string] // by session id: see deliverInside
	changingWebhooks  sync.Mutex    // held while they are read and changed
	pairs             pairs
	attempts          attempts
	actions           map[string]Action
	sweepEvery        time.Duration
	stopReplies       context.CancelFunc
}

// sweepEvery bounds how long a reply of a session that nobody watches waits.
const sweepEvery = time.Minute

// openReplies gets what is needed before anything of a reply can be read.
func (e *Engine) openReplies(ctx context.Context, cfg Config) (err error) {
	e.sender, e.instance, e.actions = cfg.Sender, newID("engine-"), actions(cfg.Actions)
	e.sweepEvery = cmp.Or(cfg.SweepReplies, sweepEvery)
	e.noticing.wait = cmp.Or(cfg.Limits.QueueTime, DefaultLimits().QueueTime)
	e.inside.wait = e.noticing.wait
	if e.replyKey, err = e.registry.Secret(ctx, "replies"); err != nil {
		return err
	}
	e.fileKey, err = e.registry.Secret(ctx, "files")
	return err
}

// startReplies takes up what is unsettled, and begins to look for more.
func (e *Engine) startReplies(ctx context.Context) error {
	ctx, e.stopReplies = context.WithCancel(context.WithoutCancel(ctx))
	e.deliverer = newDeliverer(ctx, e)
	if err := e.wakeUnsettled(ctx); err != nil {
		e.endReplies()
		return err
	}
	e.mailboxes.OnOutbound(e.outboundChanged)
	e.workers.Go(e.deliverer.time)
	e.workers.Go(func() { e.sweep(ctx) })
	return nil
}

// endReplies has nothing more begun. It does not wait.
func (e *Engine) endReplies() {
	e.deliverer.close()
	e.stopReplies()
}

// wakeUnsettled has every session delivered for that has something unsettled.
func (e *Engine) wakeUnsettled(ctx context.Context) error {
	return e.unsettledSessions(ctx, func(id string) {
		// Its replies may not be noted yet, as the index is written first, or be
		// settled, as it is also the last.
		e.deliverer.unfinish(id, 0)
		e.deliverer.lookAgain(id, e.now())
	})
}

func (e *Engine) unsettledSessions(ctx context.Context, do func(id string)) error {
	for after := ""; ; {
		ids, err := e.registry.UnsettledSessions(ctx, after, 1000)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			after = id
			do(id)
		}
	}
}

// sweep looks at the time stamps of all sessions' files, again and again, so
// that no reply is overlooked: of a session that nobody watches, or that was
// written while the engine did not run.
func (e *Engine) sweep(ctx context.Context) {
	since, err := e.registry.Swept(ctx)
	if err != nil {
		e.log.Error("look for replies of all sessions: since when", "error", err)
	}
	if since.After(e.now()) {
		since = time.Time{} // the clock was set back
	}
	total := 0
	for {
		began := e.now()
		seen, err := e.sweepOnce(ctx, since.Add(-sweepSlack), total)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			total = seen
			err = e.registry.SetSwept(ctx, began)
		}
		if err != nil {
			e.log.Error("look for replies of all sessions", "error", err)
		}
		if total < MaxPage && !pause(ctx, e.sweepEvery) {
			return
		}
	}
}

// sweepSlack is what clocks of file systems may differ by.
const sweepSlack = 2 * time.Second

// sweepOnce spreads its work over the time that it has, by how many sessions
// there were the last time.
func (e *Engine) sweepOnce(ctx context.Context, since time.Time, total int) (seen int, err error) {
	p := Page{Limit: MaxPage}
	for {
		l, err := e.registry.Sessions(ctx, p, SessionFilter{})
		if err != nil {
			return seen, err
		}
		for _, s := range e.mailboxes.OutboundChanged(l.Items, since) {
			e.outboundChanged(ctx, s)
		}
		seen += len(l.Items)
		if !l.HasNext {
			return seen, ctx.Err()
		}
		p.Cursor = l.Cursors[len(l.Cursors)-1]
		if !pause(ctx, min(e.sweepEvery*MaxPage/time.Duration(max(total, 1)), e.sweepEvery/10)) {
			return seen, ctx.Err()
		}
	}
}

// pause returns false if the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
