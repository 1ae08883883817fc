package engine

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"
)

// deliverer delivers replies: one at a time for each session (lesson 17),
// sessions independent of each other (lessons 22 and 38).
type deliverer struct {
	e    *Engine
	ctx  context.Context
	poke chan struct{}
	// working bounds the sessions that are delivered for at one time.
	working chan struct{}

	mu      sync.Mutex // guards all below
	closed  bool
	running map[string]*drain
	waiting waits                // by when something is due
	due     map[string]time.Time // the next of each session in waiting
	looks   map[string]time.Time
	looking map[string]bool // sessions whose look is under way, one each
	// unfinished are sessions whose settled replies may be in the index still,
	// and whose times are to be set back.
	unfinished map[string]time.Duration
}

// drain is a session that is delivered for.
type drain struct{ again bool }

const (
	// drainers bounds deliveries at one time. Most of them wait for the network.
	drainers = 128
	// tick bounds how late the deliverer is when the clock is set, or when the
	// machine slept.
	tick = time.Second
)

func newDeliverer(ctx context.Context, e *Engine) *deliverer {
	return &deliverer{e: e, ctx: ctx, poke: make(chan struct{}, 1), working: make(chan struct{}, drainers),
		running: map[string]*drain{}, due: map[string]time.Time{}, looks: map[string]time.Time{}, looking: map[string]bool{}, unfinished: map[string]time.Duration{}}
}

// wake has a session delivered for now, or once more if that is being done.
func (d *deliverer) wake(sessionID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.running[sessionID]; r != nil {
		r.again = true
		return
	}
	if d.closed {
		return
	}
	r := &drain{}
	d.running[sessionID] = r
	d.e.workers.Go(func() { d.run(sessionID, r) })
}

// reserve keeps others from delivering for a session until start is called,
// which makes the attempt that it is given, if that was begun, and lets in those
// who came meanwhile. It returns nil while somebody delivers.
func (d *deliverer) reserve(sessionID string) (start func(Session, *FirstAttempt)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.running[sessionID] != nil {
		return nil
	}
	r := &drain{}
	d.running[sessionID] = r
	started := make(chan func() (more bool), 1)
	d.e.workers.Go(func() {
		more := false
		if first := <-started; first != nil {
			more = d.at(first)
		}
		d.mu.Lock()
		if more = more || r.again; !more {
			delete(d.running, sessionID)
		}
		d.mu.Unlock()
		if more {
			d.run(sessionID, r)
		}
	})
	return func(s Session, f *FirstAttempt) {
		if f == nil || !f.Begun {
			started <- nil
			return
		}
		started <- func() bool { return f.make(d.ctx, d.e, s) }
	}
}

// at calls one of those that work at one time; false if there is no time left.
func (d *deliverer) at(work func() bool) bool {
	select {
	case d.working <- struct{}{}:
		defer func() { <-d.working }()
		return work()
	case <-d.ctx.Done():
		return false
	}
}

// wakeAt wakes a session when the engine's clock says so.
func (d *deliverer) wakeAt(sessionID string, at time.Time) {
	d.mu.Lock()
	if sooner, found := d.due[sessionID]; found && !at.Before(sooner) {
		d.mu.Unlock()
		return // it finds out then
	}
	d.due[sessionID] = at
	heap.Push(&d.waiting, wait{at: at, sessionID: sessionID})
	d.mu.Unlock()
	d.rouse()
}

func (d *deliverer) rouse() {
	select {
	case d.poke <- struct{}{}:
	default:
	}
}

// lookAgain has a session's folder looked at once more.
func (d *deliverer) lookAgain(sessionID string, at time.Time) {
	d.mu.Lock()
	if sooner, found := d.looks[sessionID]; !found || at.Before(sooner) {
		d.looks[sessionID] = at
	}
	d.mu.Unlock()
	d.wakeAt(sessionID, at)
}

// unread are the sessions whose folder is to be looked at once more, and no look
// has succeeded since.
func (d *deliverer) unread() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := maps.Clone(d.looking)
	for id := range d.looks {
		ids[id] = true
	}
	return slices.Collect(maps.Keys(ids))
}

// close has no more sessions woken. It does not wait.
func (d *deliverer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

// time wakes sessions as they become due, until the context ends.
func (d *deliverer) time() {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		timer.Reset(d.wakeDue())
		select {
		case <-d.ctx.Done():
			return
		case <-d.poke:
		case <-timer.C:
		}
	}
}

// wakeDue returns how long to wait for the next.
func (d *deliverer) wakeDue() time.Duration {
	now := d.e.now()
	for {
		d.mu.Lock()
		if len(d.waiting) == 0 {
			d.mu.Unlock()
			return time.Hour
		}
		next := d.waiting[0]
		if in := next.at.Sub(now); in > 0 {
			d.mu.Unlock()
			return min(in, tick)
		}
		heap.Pop(&d.waiting)
		current := d.due[next.sessionID].Equal(next.at) // else a sooner one came first
		if current {
			delete(d.due, next.sessionID)
		}
		d.mu.Unlock()
		if current {
			d.wake(next.sessionID)
		}
	}
}

func (d *deliverer) run(sessionID string, r *drain) {
	for again := true; again; {
		d.at(func() bool {
			d.pass(sessionID)
			return true
		})
		d.mu.Lock()
		if again = r.again && d.ctx.Err() == nil; !again {
			delete(d.running, sessionID)
		}
		r.again = false
		d.mu.Unlock()
	}
}

// pass delivers what is due of a session, and has it woken for the rest.
func (d *deliverer) pass(sessionID string) {
	s, err := d.e.registry.Session(d.ctx, sessionID)
	if err == nil && d.toLook(sessionID) {
		err = d.e.notice(d.ctx, s)
	}
	if err == nil {
		err = d.finish(s)
	}
	var next time.Time
	if err == nil {
		next, err = d.e.deliver(d.ctx, s)
	}
	switch {
	case d.ctx.Err() != nil:
		return // what it did not read stays unread
	case CodeOf(err) == CodeNotFound: // it is archived
		d.toLook(sessionID)
	case err != nil:
		d.e.log.Warn("deliver replies; will try again", "session", sessionID, "error", err)
		d.unfinish(sessionID, 0)
		d.lookAgain(sessionID, d.e.now().Add(noticeRetry))
	case !next.IsZero():
		d.wakeAt(sessionID, next)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.looking, sessionID)
}

func (d *deliverer) toLook(sessionID string) bool {
	d.mu.Lock()
	at, found := d.looks[sessionID]
	now := found && !at.After(d.e.now())
	if now {
		delete(d.looks, sessionID)
		d.looking[sessionID] = true
	}
	d.mu.Unlock()
	if found && !now {
		d.wakeAt(sessionID, at) // it was woken before that for something else
	}
	return now
}

// unfinish has it looked for replies of a session that are settled, and of
// which the rest was not done; see also Engine.mend.
func (d *deliverer) unfinish(sessionID string, setBack time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unfinished[sessionID] += setBack
}

func (d *deliverer) finish(s Session) error {
	d.mu.Lock()
	setBack, found := d.unfinished[s.ID]
	delete(d.unfinished, s.ID)
	d.mu.Unlock()
	if !found {
		return nil
	}
	if err := d.e.mend(d.ctx, s, setBack); err != nil {
		d.unfinish(s.ID, setBack)
		return err
	}
	return d.e.finish(d.ctx, s)
}

// deliveryID is the same for each attempt at a reply.
func deliveryID(sessionID, replyID string) string {
	sum := sha256.Sum256([]byte(sessionID + "\x00" + replyID))
	return hex.EncodeToString(sum[:16])
}

type wait struct {
	at        time.Time
	sessionID string
}

// waits has the one that is due next on top.
type waits []wait

func (w waits) Len() int           { return len(w) }
func (w waits) Less(i, j int) bool { return w[i].at.Before(w[j].at) }
func (w waits) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waits) Push(v any)        { *w = append(*w, v.(wait)) }
func (w *waits) Pop() any {
	old := *w
	v := old[len(old)-1]
	*w = old[:len(old)-1]
	return v
}
