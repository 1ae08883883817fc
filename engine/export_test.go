package engine

import (
	"context"
)

// Stuck tells whether a look at a session would find its container stuck.
func (e *Engine) Stuck(ctx context.Context, sessionID string) (bool, error) {
	s, err := e.Session(ctx, sessionID)
	if err != nil {
		return false, err
	}
	p, err := e.mailboxes.Pulse(ctx, s)
	return p.stuck(e.now(), (&task{}).heard(p.Heartbeat, e.now())), err
}

// Waits tells whether somebody was told that a session is due, and it is not
// known that it was taken.
func (e *Engine) Waits(sessionID string) bool {
	e.life.mu.Lock()
	defer e.life.mu.Unlock()
	t := e.life.tasks[sessionID]
	return t != nil && t.told
}

// Looked tells whether a session was looked at as late as it was to be, and has
// that done at once if not.
func (e *Engine) Looked(sessionID string) bool {
	select {
	case e.life.wake <- struct{}{}:
	default:
	}
	e.life.mu.Lock()
	defer e.life.mu.Unlock()
	t := e.life.tasks[sessionID]
	return t != nil && !t.looking && t.next.After(e.now())
}

// ClockSeen tells whether the engine has looked at the clock as it is now, and
// has that done at once if not.
func (e *Engine) ClockSeen() bool {
	select {
	case e.life.wake <- struct{}{}:
	default:
	}
	e.life.mu.Lock()
	defer e.life.mu.Unlock()
	return e.life.lastRun.Equal(e.now())
}

// SaidStuck tells whether the last look found a container stuck.
func (e *Engine) SaidStuck(sessionID string) bool {
	e.life.mu.Lock()
	defer e.life.mu.Unlock()
	t := e.life.tasks[sessionID]
	return t != nil && t.stuck
}

// Settled tells whether nothing of a container of a session's is under way.
func (e *Engine) Settled(sessionID string) bool {
	e.waking.mu.Lock()
	running := e.waking.running[sessionID] != nil
	e.waking.mu.Unlock()
	return !running && e.life.claimOf(sessionID) == nil
}

// Sweep looks at all sessions once, as fast as it can, and returns how many
// they are.
func (e *Engine) Sweep(ctx context.Context) (int, error) {
	n, _, err := e.sweepOnce(ctx, e.now(), nil, 0)
	return n, err
}

// Held counts what the engine keeps in memory of sessions one by one: those
// with something to do, and those that wait for a delivery.
func (e *Engine) Held() int {
	e.life.mu.Lock()
	defer e.life.mu.Unlock()
	e.deliverer.mu.Lock()
	defer e.deliverer.mu.Unlock()
	return len(e.life.tasks) + len(e.deliverer.running) + len(e.deliverer.due) + len(e.deliverer.looks) + len(e.deliverer.waiting)
}

// ContentChanges are what a hook is told to have changed.
var ContentChanges = contentChanges
