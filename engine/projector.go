package engine

import (
	"context"
	"sync"
	"time"
)

// projector brings destinations into the folders of all sessions of a group
// that changed. What must be done is remembered by the registry, so a crash
// or a folder that cannot be written now only delays it.
type projector struct {
	e    *Engine
	wake chan struct{}
}

const (
	projectWorkers = 8
	// projectWait is how long a change of destinations waits for the folders
	// before it answers and leaves the rest to the background.
	projectWait  = 2 * time.Second
	projectRetry = 30 * time.Second
)

func newProjector(e *Engine) *projector { return &projector{e: e, wake: make(chan struct{}, 1)} }

// changed projects into one group's sessions, for a bounded time.
func (p *projector) changed(ctx context.Context, agentGroupID string) {
	ctx, cancel := context.WithTimeout(ctx, projectWait)
	defer cancel()
	if left := p.pass(ctx, agentGroupID); left {
		p.poke()
	}
}

// poke has stale sessions looked for in the background.
func (p *projector) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run does what a restart or changed left over, until ctx ends.
func (p *projector) run(ctx context.Context) {
	for {
		left := p.pass(ctx, "")
		var retry <-chan time.Time
		if left {
			retry = time.After(projectRetry)
		}
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-retry:
		}
	}
}

// pass visits each stale session once and reports whether some are left.
func (p *projector) pass(ctx context.Context, agentGroupID string) (left bool) {
	after := ""
	for {
		stale, err := p.e.registry.StaleSessions(ctx, agentGroupID, after, 256)
		if err != nil {
			if ctx.Err() == nil {
				p.e.log.Error("list sessions whose destinations changed", "error", err)
			}
			return true
		}
		if len(stale) == 0 {
			return left
		}
		after = stale[len(stale)-1].ID
		done := p.projectAll(ctx, stale)
		left = left || len(done) < len(stale)
		// Not ctx: what was projected is projected.
		if err := p.e.registry.ClearStale(context.WithoutCancel(ctx), done); err != nil {
			p.e.log.Error("note that destinations were projected", "error", err)
			return true
		}
	}
}

func (p *projector) projectAll(ctx context.Context, stale []StaleSession) (done []StaleSession) {
	var (
		mu sync.Mutex // guards done
		wg sync.WaitGroup
	)
	next := make(chan StaleSession)
	for range min(projectWorkers, len(stale)) {
		wg.Go(func() {
			for s := range next {
				if err := p.project(ctx, s.Session); err != nil {
					if ctx.Err() == nil {
						p.e.log.Warn("project destinations", "session", s.ID, "error", err)
					}
					continue
				}
				mu.Lock()
				done = append(done, s)
				mu.Unlock()
			}
		})
	}
	for _, s := range stale {
		next <- s
	}
	close(next)
	wg.Wait()
	return done
}

func (p *projector) project(ctx context.Context, s Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := p.e.gates.rlock(ctx, s.ID)
	if err != nil {
		return err
	}
	defer unlock()
	return p.e.project(ctx, s, p.e.mailboxes.Project)
}
