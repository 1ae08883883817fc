package engine

// WakerLoad is what the engine does for the containers of an agent group.
type WakerLoad struct {
	AgentGroupID string
	// Running are the containers that run, or are about to.
	Running int
	// Waiting are the sessions that wait for a place.
	Waiting int
	// Starts and Failures are since the engine's start. What was taken over counts
	// as started. A failure is a container that did not start, or that ended with
	// its work undone.
	Starts, Failures uint64
}

type count struct{ Starts, Failures uint64 }

// count returns an agent group's. The lock is held.
func (w *waking) count(group string) *count {
	n := w.counts[group]
	if n == nil {
		n = &count{}
		w.counts[group] = n
	}
	return n
}

// WakerLoads returns those of all agent groups for which the engine has started a
// container, or would.
func (e *Engine) WakerLoads() []WakerLoad {
	w := e.waking
	w.mu.Lock()
	defer w.mu.Unlock()
	loads := map[string]*WakerLoad{}
	load := func(group string) *WakerLoad {
		if loads[group] == nil {
			loads[group] = &WakerLoad{AgentGroupID: group}
		}
		return loads[group]
	}
	for group, n := range w.counts {
		l := load(group)
		l.Starts, l.Failures = n.Starts, n.Failures
	}
	for group, queue := range w.queues {
		load(group).Waiting = len(queue)
	}
	for _, r := range w.running {
		load(r.agentGroup).Running++
	}
	list := make([]WakerLoad, 0, len(loads))
	for _, l := range loads {
		list = append(list, *l)
	}
	return list
}

// WakersChanged is told that the wakers have another configuration: what is
// due is looked at anew.
func (e *Engine) WakersChanged() {
	e.life.lookAtTold()
	e.waking.rouse()
}
