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
	turn    []string            // agent groups with a queue, next first
	running map[string]*run
	pauses  map[string]penalty // of sessions that failed
	closed  bool
}

// run is a container from before its start until after its end.
type run struct {
	container Container // nil before it has started
	stop      bool      // it is to end
	since     time.Time
}

type penalty struct {
	failures int
	until    time.Time
}

func newWaking(e *Engine, w Wakers) *waking {
	return &waking{e: e, wakers: w, wake: make(chan struct{}, 1), queues: map[string][]string{}, running: map[string]*run{}, pauses: map[string]penalty{}}
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
	if w.closed || w.running[s.ID] != nil || slices.Contains(w.queues[s.AgentGroupID], s.ID) {
		return
	}
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

// next takes the session whose turn it is, "" if there is none or no place.
func (w *waking) next() (sessionID string, r *run) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.turn) == 0 || len(w.running) >= w.wakers.MaxRunning() {
		return "", nil
	}
	group := w.turn[0]
	w.turn = w.turn[1:]
	queue := w.queues[group]
	sessionID, queue = queue[0], queue[1:]
	if len(queue) == 0 {
		delete(w.queues, group)
	} else {
		w.queues[group] = queue
		w.turn = append(w.turn, group)
	}
	r = &run{since: w.e.now()}
	w.running[sessionID] = r
	w.runs.Add(1)
	return sessionID, r
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
			id, r := w.next()
			if r == nil {
				break
			}
			go w.serve(ctx, id, r)
		}
	}
}

// serve runs a session's container from its claim to its end.
func (w *waking) serve(ctx context.Context, sessionID string, r *run) {
	defer w.runs.Done()
	claimed, s, err := w.e.claim(ctx, sessionID, ContainerClaim{Owner: wakerOwner})
	if err != nil || !claimed {
		w.ended(sessionID, err != nil)
		if err != nil {
			w.e.log.Warn("claim a container to start it", "session", sessionID, "error", err)
			w.e.life.lookAt(sessionID)
		}
		return
	}
	c, err := w.wakers.Start(ctx, s)
	if err == nil {
		w.e.log.Info("started a container", "session", sessionID)
		w.started(r, c)
		if _, err := w.e.mark(ctx, sessionID, ContainerRunning, true); err != nil {
			w.e.log.Warn("note that a container runs", "session", sessionID, "error", err)
		}
		<-c.Done()
	}
	p, perr := w.e.mailboxes.Pulse(ctx, s)
	failed := err != nil || perr == nil && p.Due || len(p.Claims) > 0
	n, until := w.ended(sessionID, failed)
	switch {
	case err != nil:
		w.e.log.Error("start a container", "session", sessionID, "error", err, "failures", n, "again", until)
	case failed:
		w.e.log.Warn("a container ended with its work undone", "session", sessionID, "failures", n, "again", until)
	default:
		w.e.log.Info("a container ended", "session", sessionID)
	}
	if _, err := w.e.mark(ctx, sessionID, ContainerStopped, true); err != nil {
		w.e.log.Error("tidy after a container; it is not started again before that succeeds", "session", sessionID, "error", err)
		w.e.workers.Go(func() { w.tidy(ctx, s) })
	}
}

func (w *waking) started(r *run, c Container) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.container = c
	if r.stop {
		c.Stop()
	}
}

// ended gives a session's place to the next.
func (w *waking) ended(sessionID string, failed bool) (failures int, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.running, sessionID)
	w.rouse()
	if !failed {
		delete(w.pauses, sessionID)
		return 0, time.Time{}
	}
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
	}
}

// idle tells whether a container has had nothing to do since a time for as
// long as it is kept.
func (w *waking) idle(s Session, since, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.running[s.ID]
	if r == nil || w.wakers == nil {
		return false
	}
	if since.Before(r.since) {
		since = r.since
	}
	return now.Sub(since) >= w.wakers.IdleTime(s.AgentGroupID)
}

// tidy ends what an engine before this one left running, and notes that
// nothing runs. It tries until that succeeds.
func (w *waking) tidy(ctx context.Context, s Session) {
	for pause := wakeRetry; ; pause = min(2*pause, time.Minute) {
		err := w.wakers.End(ctx, s)
		if err == nil {
			_, err = w.e.mark(ctx, s.ID, ContainerStopped, true)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		w.e.log.Error("end what is left of a container; will try again", "session", s.ID, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// close ends all containers and waits until none runs.
func (w *waking) close() {
	w.mu.Lock()
	w.closed = true
	for _, r := range w.running {
		if !r.stop {
			r.end()
		}
	}
	w.mu.Unlock()
	w.runs.Wait()
}
