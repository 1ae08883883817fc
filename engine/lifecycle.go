package engine

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

const (
	// lifeTick bounds how late a look is when the clock is changed.
	lifeTick = time.Second
	// lifeLooks bounds the sessions that are looked at at one time.
	lifeLooks = 8
	// Looks at a session whose container runs: often while it works, to find
	// that it is stuck, and seldom otherwise.
	lookWorking = 15 * time.Second
	lookIdle    = time.Minute
	// Looks at one that waits for a container: ever more seldom.
	lookSoonest = 5 * time.Second
	lookLatest  = time.Hour
	// forgetAfter is how long a session with nothing to do stays noted: one
	// that is talked to does not go to and fro.
	forgetAfter = time.Minute
	// afterSleep is how long nobody is taken for stuck after a time in which
	// nothing ran, the machine's sleep say.
	asleep     = time.Minute
	afterSleep = 90 * time.Second
)

// lifecycle knows which sessions have something to do and when to look at
// which of them. Those that have nothing to do cost nothing.
type lifecycle struct {
	e    *Engine
	wake chan struct{}

	mu      sync.Mutex // guards all below
	tasks   map[string]*task
	queue   taskQueue
	lastRun time.Time
	calm    time.Time // until then, nobody is taken for stuck
	awake   time.Time // when it was last before it slept
}

// task is a session with something to do.
type task struct {
	sessionID string
	// due is no later than what the registry has noted; never is none.
	due time.Time
	facts
	noted time.Time // when something last was
	claim *ContainerClaim
	// running: its container is marked as something else than stopped.
	running bool
	// told: that it is due was told, and nobody has taken it since.
	told bool
	// stuck: that its container is was told.
	stuck bool
	// A heartbeat in the future counts from when it was first seen.
	beat, beatSeen time.Time
	patience       time.Duration // until the next look while it waits

	next    time.Time
	index   int       // in the queue; -1 while there is no look to come
	looking bool      // a look is under way
	again   time.Time // the look after that, if not zero
}

// facts tell whether what was read of a session may be out of date.
type facts struct {
	// notes counts what was noted, turns who had its container and what was told
	// of it: what was read before one of those must not be acted upon.
	notes, turns uint64
}

// never is later than all times that can be written.
var never = time.Unix(1<<40, 0)

func newLifecycle(e *Engine) *lifecycle {
	return &lifecycle{e: e, wake: make(chan struct{}, 1), tasks: map[string]*task{}}
}

// task returns a session's, and makes it if need be. mu is held.
func (l *lifecycle) task(sessionID string) *task {
	t := l.tasks[sessionID]
	if t == nil {
		t = &task{sessionID: sessionID, due: never, index: -1, patience: lookSoonest}
		l.tasks[sessionID] = t
	}
	return t
}

// restore takes over what was noted before the engine started.
func (l *lifecycle) restore(w Work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.e.now()
	t := l.task(w.Session.ID)
	t.claim, t.noted, t.running = w.Claim, now, w.Session.ContainerStatus != ContainerStopped
	switch {
	case t.running || w.Claim != nil:
		l.schedule(t, now)
	case w.Due == nil:
		l.schedule(t, now.Add(lookLatest))
	default:
		t.due = *w.Due
		l.schedule(t, *w.Due)
	}
}

// note has on disk that a session will have something to do, before it has:
// its caller holds the session's gate until it has. due is when, never if it
// is only to be watched.
func (l *lifecycle) note(ctx context.Context, sessionID string, due time.Time) error {
	now := l.e.now()
	l.mu.Lock()
	t := l.tasks[sessionID]
	known := t != nil && (!due.Before(t.due) || !t.due.After(now))
	if t != nil {
		t.notes++
		t.noted = now
	}
	l.mu.Unlock()
	if known {
		return nil
	}
	var at *time.Time
	if due != never {
		at = &due
	}
	if err := l.e.registry.NoteWork(ctx, sessionID, at); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t = l.task(sessionID); due.Before(t.due) {
		t.due = due
	}
	t.notes++
	t.noted = now
	if t.index < 0 && !t.looking {
		l.schedule(t, now.Add(lookLatest))
	}
	return nil
}

// wrote is told of a message that was written to a session and falls due.
func (l *lifecycle) wrote(s Session, due time.Time) {
	if due == never {
		return // it is not woken
	}
	now := l.e.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.task(s.ID)
	if t.running {
		return // it polls
	}
	if due.After(now) {
		l.schedule(t, due)
	} else {
		l.tell(t, s, now)
	}
}

// tell says that a session is due, unless that was said or somebody runs it.
// mu is held.
func (l *lifecycle) tell(t *task, s Session, now time.Time) {
	if t.told || l.holds(t.claim, now) {
		return
	}
	if until := l.e.waking.paused(s.ID); now.Before(until) {
		l.schedule(t, until)
		return
	}
	t.told, t.patience = true, lookSoonest
	t.turns++
	l.e.emit(Event{Type: EventSessionDue, SessionID: t.sessionID})
	l.schedule(t, now.Add(t.patience))
	if l.e.waking.wakes(s.AgentGroupID) {
		l.e.waking.due(s)
	}
}

// lookAt has a session looked at now, as one that nobody was told of.
func (l *lifecycle) lookAt(sessionID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.tasks[sessionID]; t != nil {
		t.told = false
		l.schedule(t, l.e.now())
	}
}

// lookAtTold has the sessions looked at that are due, and that nobody runs.
func (l *lifecycle) lookAtTold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.e.now()
	for _, t := range l.tasks {
		if t.told {
			t.told = false
			l.schedule(t, now)
		}
	}
}

// claimed is told that a session's container is somebody's now.
func (l *lifecycle) claimed(sessionID string, c ContainerClaim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.task(sessionID)
	t.claim, t.told, t.stuck, t.beat = &c, false, false, time.Time{}
	t.turns++
	now := l.e.now()
	l.schedule(t, now.Add(lookWorking))
	if c.Until != nil {
		l.schedule(t, *c.Until)
	}
}

// claimOf returns who has a session's container.
func (l *lifecycle) claimOf(sessionID string) *ContainerClaim {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.tasks[sessionID]; t != nil {
		return t.claim
	}
	return nil
}

// marked is told that a session's container has a status now.
func (l *lifecycle) marked(s Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.task(s.ID)
	t.running = s.ContainerStatus != ContainerStopped
	t.told, t.stuck, t.beat = false, false, time.Time{}
	t.turns++
	now := l.e.now()
	if !t.running {
		t.claim, t.patience = nil, lookSoonest
		l.schedule(t, now)
		return
	}
	l.schedule(t, now.Add(lookWorking))
}

// closed is told that nothing wakes a session any more.
func (l *lifecycle) closed(sessionID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.tasks[sessionID]; t != nil {
		t.turns++
	}
}

// stirred is told that a session's container wrote something. If nobody said
// that one runs, whoever does may have taken what was due.
func (l *lifecycle) stirred(sessionID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.tasks[sessionID]; t != nil && t.told {
		t.patience = lookSoonest
		l.schedule(t, l.e.now())
	}
}

// schedule has a session looked at at a time, if it is not looked at before
// that anyway. mu is held.
func (l *lifecycle) schedule(t *task, at time.Time) {
	switch {
	case t.looking:
		if t.again.IsZero() || at.Before(t.again) {
			t.again = at
		}
		return
	case t.index < 0:
		t.next = at
		heap.Push(&l.queue, t)
	case at.Before(t.next):
		t.next = at
		heap.Fix(&l.queue, t.index)
	default:
		return
	}
	if t.index == 0 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// run looks at sessions when it is time, until ctx ends.
func (l *lifecycle) run(ctx context.Context) {
	looking := make(chan struct{}, lifeLooks)
	var looks sync.WaitGroup
	defer looks.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
		for {
			if by := l.clockSetBack(); by > 0 {
				l.e.clockSetBack(ctx, by)
			}
			t, wait := l.take()
			if t == nil {
				timer.Reset(wait)
				break
			}
			select {
			case <-ctx.Done():
				return
			case looking <- struct{}{}:
			}
			looks.Go(func() {
				defer func() { <-looking }()
				l.look(ctx, t)
			})
		}
	}
}

// clockSetBack is by how much the clock was set back since the last look at it,
// 0 if it was not.
func (l *lifecycle) clockSetBack() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.e.now()
	if by := l.lastRun.Sub(now); by >= clockStep {
		l.lastRun = now
		return by
	}
	return 0
}

// mayRun tells whether the owner of a claim may still run its container. What
// expired while the machine slept was not to be renewed.
func (l *lifecycle) mayRun(c *ContainerClaim, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holds(c, now)
}

// holds is mayRun. mu is held.
func (l *lifecycle) holds(c *ContainerClaim, now time.Time) bool {
	slept := !l.lastRun.IsZero() && now.Sub(l.lastRun) > asleep
	return c.held(now) || c != nil && (slept || now.Before(l.calm)) && (c.held(l.awake) || slept && c.held(l.lastRun))
}

// take returns the session whose time has come, or how long to wait.
func (l *lifecycle) take() (*task, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.e.now()
	if !l.lastRun.IsZero() && now.Sub(l.lastRun) > asleep {
		l.calm, l.awake = now.Add(afterSleep), l.lastRun
	}
	l.lastRun = now
	if len(l.queue) > 0 && !l.queue[0].next.After(now) {
		t := heap.Pop(&l.queue).(*task)
		t.looking, t.again = true, time.Time{}
		return t, 0
	}
	// Not until the next look: the clock may be changed meanwhile.
	return nil, lifeTick
}

// taskQueue has the session that is looked at next on top.
type taskQueue []*task

func (q taskQueue) Len() int           { return len(q) }
func (q taskQueue) Less(i, j int) bool { return q[i].next.Before(q[j].next) }
func (q taskQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *taskQueue) Push(v any) {
	v.(*task).index = len(*q)
	*q = append(*q, v.(*task))
}
func (q *taskQueue) Pop() any {
	old := *q
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	t.index = -1
	return t
}
