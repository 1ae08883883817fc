package engine

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// wakeRetry is the pause after a container did not start, or ended with its
	// work undone; it doubles each time, up to wakeLatest.
	wakeRetry  = time.Second
	wakeLatest = 10 * time.Minute
)

// waking runs the containers of agent groups that have a waker: as many as it
// may at one time, the groups in turn, the sessions of each in the order in
// which they fell due.
type waking struct {
	e      *Engine
	wakers Wakers
	wake   chan struct{}
	runs   sync.WaitGroup
	// left are sessions whose containers an engine before this one ran.
	left []Session

	mu      sync.Mutex          // guards all below
	queues  map[string][]string // due sessions by agent group
	queued  map[string]bool     // all that are in queues, which may be many
	turn    []string            // agent groups with a queue, next first
	running map[string]*run
	pauses  map[string]penalty // of sessions that failed
	counts  map[string]*count  // by agent group
	closed  bool
}

// run is a container from before its start until after its end.
type run struct {
	agentGroup string
	cancel     context.CancelFunc // ends its start, or that it is taken over
	left       bool               // by an engine before this one
	container  Container          // nil before it has started
	stop       bool               // it is to end
	since      time.Time
}

type penalty struct {
	failures int
	until    time.Time
}

func newWaking(e *Engine, w Wakers) *waking {
	return &waking{e: e, wakers: w, wake: make(chan struct{}, 1), queues: map[string][]string{}, queued: map[string]bool{}, running: map[string]*run{}, pauses: map[string]penalty{}, counts: map[string]*count{}}
}

// wakes tells whether the engine runs the containers of an agent group.
func (w *waking) wakes(agentGroupID string) bool {
	return w.wakers != nil && w.wakers.Wakes(agentGroupID)
}

// paused is until when a session is not woken.
func (w *waking) paused(sessionID string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pauses[sessionID].until
}

// due has a session's container started when it is its turn.
func (w *waking) due(s Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.running[s.ID] != nil || w.queued[s.ID] {
		return
	}
	w.queued[s.ID] = true
	if len(w.queues[s.AgentGroupID]) == 0 {
		w.turn = append(w.turn, s.AgentGroupID)
	}
	w.queues[s.AgentGroupID] = append(w.queues[s.AgentGroupID], s.ID)
	w.rouse()
}

func (w *waking) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// next takes the session whose turn it is. There is no run if there is none,
// or no place.
func (w *waking) next(ctx context.Context) (sessionID string, r *run, starting context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	// Since they fell due, the configuration may have changed.
	w.turn = slices.DeleteFunc(w.turn, func(group string) bool {
		if w.wakers.Wakes(group) {
			return false
		}
		for _, id := range w.queues[group] {
			delete(w.queued, id)
		}
		delete(w.queues, group)
		return true
	})
	if w.closed || len(w.turn) == 0 || len(w.running) >= w.wakers.MaxRunning() {
		return "", nil, nil
	}
	group := w.turn[0]
	w.turn = w.turn[1:]
	queue := w.queues[group]
	sessionID, queue = queue[0], queue[1:]
	delete(w.queued, sessionID)
	if len(queue) == 0 {
		delete(w.queues, group)
	} else {
		w.queues[group] = queue
		w.turn = append(w.turn, group)
	}
	r, starting = w.place(ctx, sessionID, group)
	return sessionID, r, starting
}

// place gives a session a place. The lock is held.
func (w *waking) place(ctx context.Context, sessionID, group string) (*run, context.Context) {
	starting, cancel := context.WithCancel(ctx)
	r := &run{agentGroup: group, cancel: cancel, since: w.e.now()}
	w.running[sessionID] = r
	w.runs.Add(1)
	return r, starting
}

// run starts containers until ctx ends.
func (w *waking) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for {
			id, r, starting := w.next(ctx)
			if r == nil {
				break
			}
			go w.serve(ctx, starting, id, r)
		}
	}
}

// serve runs a session's container from its claim to its end.
func (w *waking) serve(ctx, starting context.Context, sessionID string, r *run) {
	defer w.runs.Done()
	defer r.cancel()
	claimed, s, err := w.e.claim(ctx, sessionID, ContainerClaim{Owner: wakerOwner})
	if err != nil || !claimed {
		w.ended(sessionID, err != nil)
		if err != nil {
			w.e.log.Warn("claim a container to start it", "session", sessionID, "error", err)
			w.e.life.lookAt(sessionID)
		}
		return
	}
	c, err := w.wakers.Start(starting, s)
	if err == nil {
		w.e.log.Info("started a container", "session", sessionID)
		w.follow(ctx, s, r, c)
	}
	w.tidy(ctx, s, err)
}

// follow waits for the end of a container.
func (w *waking) follow(ctx context.Context, s Session, r *run, c Container) {
	w.started(r, c)
	if _, err := w.e.mark(ctx, s.ID, ContainerRunning, true); err != nil {
		w.e.log.Warn("note that a container runs", "session", s.ID, "error", err)
	}
	<-c.Done()
}

// tidy is after the end of a container, or after it did not start.
func (w *waking) tidy(ctx context.Context, s Session, err error) {
	p, perr := w.e.mailboxes.Pulse(ctx, s)
	failed := err != nil || perr == nil && p.Due || len(p.Claims) > 0
	n, until := w.ended(s.ID, failed)
	switch {
	case err != nil:
		w.e.log.Error("start a container", "session", s.ID, "error", err, "failures", n, "again", until)
	case failed:
		w.e.log.Warn("a container ended with its work undone", "session", s.ID, "failures", n, "again", until)
	default:
		w.e.log.Info("a container ended", "session", s.ID)
	}
	if _, err := w.e.mark(ctx, s.ID, ContainerStopped, true); err != nil {
		w.e.log.Error("tidy after a container; it is not started again before that succeeds", "session", s.ID, "error", err)
		w.e.workers.Go(func() { w.markStopped(ctx, s) })
	}
}

func (w *waking) started(r *run, c Container) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.container = c
	w.count(r.agentGroup).Starts++
	if r.stop {
		c.Stop()
	}
}

// ended gives a session's place to the next.
func (w *waking) ended(sessionID string, failed bool) (failures int, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.running[sessionID]
	delete(w.running, sessionID)
	w.rouse()
	if !failed {
		delete(w.pauses, sessionID)
		return 0, time.Time{}
	}
	w.count(r.agentGroup).Failures++
	p := w.pauses[sessionID]
	p.until = w.e.now().Add(min(wakeRetry<<min(p.failures, 20), wakeLatest))
	p.failures++
	w.pauses[sessionID] = p
	return p.failures, p.until
}

// stop has a session's container ended, if it is one of these.
func (w *waking) stop(sessionID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.running[sessionID]; r != nil && !r.stop {
		r.end()
	}
}

// end ends a container. The lock is held.
func (r *run) end() {
	r.stop = true
	if r.container != nil {
		r.container.Stop()
	} else if !r.left {
		r.cancel()
	}
}

// idle tells whether a container has had nothing to do since a time for as
// long as it is kept.
func (w *waking) idle(s Session, since, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.running[s.ID]
	if r == nil || r.container == nil {
		return false
	}
	if since.Before(r.since) {
		since = r.since
	}
	return now.Sub(since) >= w.wakers.IdleTime(s.AgentGroupID)
}

// close ends all containers and waits until none runs.
func (w *waking) close() {
	w.mu.Lock()
	w.closed = true
	for _, r := range w.running {
		if !r.stop {
			r.end()
		}
		r.cancel()
	}
	w.mu.Unlock()
	w.runs.Wait()
}
