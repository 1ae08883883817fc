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
	var unread []string
	if err == nil {
		unread, err = e.registry.UnreadSessions(ctx)
	}
	if err != nil {
		e.log.Error("look for replies of all sessions: since when", "error", err)
	}
	if err != nil || since.After(e.now()) { // the clock was set back
		since = time.Time{}
	}
	every := e.sweepEvery * 9 / 10 // so that none waits longer, its look included
	for {
		began, start := e.now(), time.Now()
		_, missed, err := e.sweepOnce(ctx, since.Add(-sweepSlack), unread, every)
		if err == nil {
			if len(missed) > 0 {
				e.log.Warn("look for replies: folders cannot be looked at; will look again", "sessions", len(missed), "first", missed[0])
			}
			// What was not read has not changed when it is looked for again.
			unread = append(missed, e.deliverer.unread()...)
			err = e.registry.SetSwept(ctx, began, unread)
		}
		if err != nil && ctx.Err() == nil {
			e.log.Error("look for replies of all sessions", "error", err)
		}
		if !pause(ctx, time.Until(start.Add(every))) {
			return
		}
	}
}

const (
	// sweepSlack is what clocks of file systems may differ by.
	sweepSlack = 2 * time.Second
	// sweepPage is how many sessions are looked at in one go: fewer cost more
	// awakenings.
	sweepPage = 500
	// sweepLooks bounds the sessions that are looked into at one time: one
	// whose container holds a lock must not keep the others waiting.
	sweepLooks = 8
)

// sweepOnce spreads its work over a time, since it is not to be noticed. What is
// unread counts as changed, whenever that was; missed cannot be looked at.
func (e *Engine) sweepOnce(ctx context.Context, since time.Time, unread []string, over time.Duration) (seen int, missed []string, err error) {
	total, err := e.registry.CountSessions(ctx)
	if err != nil {
		return 0, nil, err
	}
	anew := make(map[string]bool, len(unread))
	for _, id := range unread {
		anew[id] = true
	}
	began := time.Now()
	looking := make(chan struct{}, sweepLooks)
	var looks sync.WaitGroup
	defer looks.Wait()
	for after := int64(0); ; {
		places, err := e.registry.SessionPlaces(ctx, after, sweepPage)
		if err != nil {
			return seen, missed, err
		}
		changed, gone := e.mailboxes.OutboundChanged(places, func(id string) time.Time {
			if anew[id] {
				return time.Time{}
			}
			return since
		})
		missed = append(missed, gone...)
		for _, id := range changed {
			looking <- struct{}{}
			looks.Go(func() {
				defer func() { <-looking }()
				e.sweepChanged(ctx, id)
			})
		}
		seen += len(places)
		if len(places) < sweepPage {
			return seen, missed, ctx.Err()
		}
		after = places[len(places)-1].N
		share := float64(seen) / float64(max(total, seen))
		if !pause(ctx, time.Until(began.Add(time.Duration(share*float64(over))))) {
			return seen, missed, ctx.Err()
		}
	}
}

func (e *Engine) sweepChanged(ctx context.Context, sessionID string) {
	s, err := e.registry.Session(ctx, sessionID)
	switch {
	case err == nil:
		e.outboundChanged(ctx, s)
	case CodeOf(err) != CodeNotFound: // else it is archived
		e.log.Warn("look for replies; will look again", "session", sessionID, "error", err)
		e.deliverer.lookAgain(sessionID, e.now().Add(noticeRetry))
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
