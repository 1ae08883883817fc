package engine

import (
	"context"
	"slices"
	"time"
)

// look finds out what a session has to do and how its container is, and when
// to look again. The session was taken out of the queue.
func (l *lifecycle) look(ctx context.Context, t *task) {
	l.mu.Lock()
	began := t.facts
	l.mu.Unlock()
	s, err := l.e.registry.Session(ctx, t.sessionID)
	var p Pulse
	if err == nil {
		p, err = l.e.mailboxes.Pulse(ctx, s)
	}
	if ctx.Err() != nil {
		return
	}
	if err == nil && l.nothing(t, s, p) && l.clear(ctx, t, began) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t.looking = false
	if l.tasks[t.sessionID] != t { // it was forgotten meanwhile
		return
	}
	if CodeOf(err) == CodeNotFound && t.facts == began { // it is archived
		delete(l.tasks, t.sessionID)
		return
	}
	now := l.e.now()
	switch {
	case t.facts.turns != began.turns:
		// What was read may be from before that.
		l.schedule(t, now)
	case err != nil:
		l.e.log.Warn("look at what a session has to do", "session", t.sessionID, "error", err)
		l.wait(t, now)
	default:
		if t.told && !p.Due && t.facts != began {
			l.schedule(t, now) // what was noted meanwhile is not told of yet
		}
		l.saw(t, s, p, now)
	}
	if !t.again.IsZero() {
		l.schedule(t, t.again)
	}
}

// nothing tells whether a session was without anything to do for a while.
func (l *lifecycle) nothing(t *task, s Session, p Pulse) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.e.now()
	return s.ContainerStatus == ContainerStopped && !l.holds(t.claim, now) && (!p.Pending || s.Status == SessionClosed) && now.Sub(t.noted).Abs() >= forgetAfter
}

// clear forgets a session, unless something became of it since a look began.
func (l *lifecycle) clear(ctx context.Context, t *task, began facts) bool {
	unlock, err := l.e.gates.lock(ctx, t.sessionID)
	if err != nil {
		return false // somebody is at it
	}
	defer unlock()
	l.mu.Lock()
	same := l.tasks[t.sessionID] == t && t.facts == began && !l.holds(t.claim, l.e.now())
	l.mu.Unlock()
	if !same {
		return false
	}
	if err := l.e.registry.ClearWork(ctx, t.sessionID); err != nil {
		l.e.log.Warn("note that a session has nothing to do", "session", t.sessionID, "error", err)
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tasks, t.sessionID)
	return true
}

// saw draws the conclusions from a look. mu is held.
func (l *lifecycle) saw(t *task, s Session, p Pulse, now time.Time) {
	due := p.Due && s.Status == SessionActive
	if p.Next != nil && s.Status == SessionActive {
		l.schedule(t, *p.Next)
	}
	held := l.holds(t.claim, now)
	switch {
	case t.claim != nil && t.claim.Until != nil && now.Before(*t.claim.Until):
		l.schedule(t, *t.claim.Until)
	case held && t.claim.Until != nil:
		l.schedule(t, l.calm)
	}
	if s.ContainerStatus != ContainerStopped || held {
		l.sawRunning(t, s, p, now)
		return
	}
	if !due {
		t.told = false
		if p.Pending {
			l.wait(t, now)
		} else {
			l.schedule(t, t.noted.Add(forgetAfter))
		}
		return
	}
	if !t.told {
		l.tell(t, s, now)
		return
	}
	l.wait(t, now)
}

// sawRunning is saw for a session whose container runs, as far as is known.
func (l *lifecycle) sawRunning(t *task, s Session, p Pulse, now time.Time) {
	stuck := p.stuck(now, t.heard(p.Heartbeat, now)) && !now.Before(l.calm)
	if stuck && !t.stuck {
		l.e.log.Warn("a container is stuck: it has messages in work and shows no sign of life", "session", s.ID)
		l.e.emit(Event{Type: EventContainerStuck, SessionID: s.ID})
	}
	t.stuck = stuck
	active := t.active(p.Heartbeat, now)
	if stuck || len(p.Claims) == 0 && !p.Due && l.e.waking.idle(s, active, now) {
		l.e.waking.stop(s.ID)
	}
	if len(p.Claims) > 0 {
		l.schedule(t, now.Add(lookWorking))
		return
	}
	l.schedule(t, now.Add(lookIdle))
	if l.e.waking.wakes(s.AgentGroupID) {
		// Others may wait for its place.
		if over := active.Add(l.e.waking.wakers.IdleTime(s.AgentGroupID)); over.After(now) {
			l.schedule(t, over)
		}
	}
}

// stuck returns the sessions whose container is, by id.
func (l *lifecycle) stuck() (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, t := range l.tasks {
		if t.stuck {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// active is when a session was last written to by either side.
func (t *task) active(beat *time.Time, now time.Time) time.Time {
	if b := t.heard(beat, now); b != nil && b.After(t.noted) {
		return *b
	}
	return t.noted
}

// heard is when a heartbeat was touched; one in the future, when it was first
// seen.
func (t *task) heard(beat *time.Time, now time.Time) *time.Time {
	if beat == nil || !beat.After(now) {
		return beat
	}
	if !beat.Equal(t.beat) {
		t.beat, t.beatSeen = *beat, now
	}
	seen := t.beatSeen
	return &seen
}

// wait schedules a look at a session that waits for others, ever later. mu is
// held.
func (l *lifecycle) wait(t *task, now time.Time) {
	l.schedule(t, now.Add(t.patience))
	t.patience = min(2*t.patience, lookLatest)
}
