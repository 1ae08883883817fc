package engine

import (
	"context"
	"time"
)

// clockStep is by how much a clock is set back before anybody minds.
const clockStep = 2 * time.Second

// clockSetBack moves what is to come as the clock was moved: pauses and leases
// would be longer by as much. What was scheduled for a time stays at that
// time.
func (e *Engine) clockSetBack(ctx context.Context, by time.Duration) {
	e.log.Warn("the clock was set back", "by", by)
	for id, c := range e.life.setBack(by) {
		if err := e.registry.MoveClaim(ctx, id, c, c.Until.Add(-by)); err != nil && ctx.Err() == nil {
			e.log.Warn("shorten the claim to a container, as the clock was set back", "session", id, "error", err)
		}
	}
	e.waking.setBack(by)
	e.deliverer.setBack(by)
	if err := e.unsettledSessions(ctx, func(id string) {
		e.deliverer.unfinish(id, by)
		e.deliverer.wake(id)
	}); err != nil && ctx.Err() == nil {
		e.log.Warn("have replies tried sooner, as the clock was set back", "error", err)
	}
}

// setBack returns, as they were, the claims that end sooner now.
func (l *lifecycle) setBack(by time.Duration) map[string]ContainerClaim {
	l.mu.Lock()
	defer l.mu.Unlock()
	claims := map[string]ContainerClaim{}
	for id, t := range l.tasks {
		// All by the same, so the queue keeps its order.
		t.next, t.noted, t.beatSeen = t.next.Add(-by), t.noted.Add(-by), t.beatSeen.Add(-by)
		if !t.again.IsZero() {
			t.again = t.again.Add(-by)
		}
		if t.claim != nil && t.claim.Until != nil {
			claims[id] = *t.claim
			t.claim = &ContainerClaim{Owner: t.claim.Owner, Until: new(t.claim.Until.Add(-by))}
		}
	}
	l.calm = l.calm.Add(-by)
	return claims
}

func (w *waking) setBack(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, p := range w.pauses {
		p.until = p.until.Add(-by)
		w.pauses[id] = p
	}
	for _, r := range w.running {
		r.since = r.since.Add(-by)
	}
}

func (d *deliverer) setBack(by time.Duration) {
	d.mu.Lock()
	for i := range d.waiting {
		d.waiting[i].at = d.waiting[i].at.Add(-by)
	}
	for _, times := range []map[string]time.Time{d.due, d.looks} {
		for id, at := range times {
			times[id] = at.Add(-by)
		}
	}
	d.mu.Unlock()
	d.rouse()
}

// mend moves the pauses and leases of a session's replies as the clock was
// moved. None is longer than there can be: it may have been set back while no
// engine ran.
func (e *Engine) mend(ctx context.Context, s Session, by time.Duration) error {
	open, err := e.mailboxes.OpenDispatches(ctx, s)
	if err != nil {
		return err
	}
	now := e.now()
	var ids []string
	for _, out := range open {
		if out.Dispatch.setBack(by, now) {
			ids = append(ids, out.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return e.mailboxes.Dispatch(ctx, s, ids, func(_ string, d *Dispatch) error {
		d.setBack(by, now)
		return nil
	})
}

// setBack reports whether that changes anything.
func (d *Dispatch) setBack(by time.Duration, now time.Time) bool {
	at, most := &d.DueAt, retryAfterMost
	if d.State.begun() {
		at, most = &d.LeaseUntil, maxLease
	} else if d.State != DispatchPending || d.Attempts == 0 {
		return false
	}
	if *at == nil {
		return false
	}
	sooner := (*at).Add(-by)
	if last := now.Add(most); sooner.After(last) {
		sooner = last
	}
	changed := !sooner.Equal(**at)
	*at = &sooner
	return changed
}
