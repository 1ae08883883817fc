package hooks

import (
	"context"
	"slices"
	"time"

	"github.com/twinbox/twinbox/engine"
)

const (
	// idleTime is how long an instance waits for a call before it is closed.
	idleTime = time.Minute
	// An instance that holds more than 1/grownShare of the memory it may have,
	// and grownFactor times what it began with, is closed after its call:
	// memory does not shrink.
	grownShare  = 2
	grownFactor = 4
)

// pool has a hook's instances for one agent group. The hook's mutex guards it.
type pool struct {
	size int // instances, and leaves to make one
	// idle are the instances that wait; the one used last is called next.
	idle []*member
	// waiters wait for an instance, the first for the next.
	waiters []*waiter
}

// member is an instance of a pool. Whoever holds it calls it.
type member struct {
	guest
	group  string
	began  int64         // bytes of memory when it was made
	idleAt time.Duration // since the host was opened
}

// waiter gets an instance, or nil as leave to make one.
type waiter struct{ ready chan *member }

// borrow returns an instance for the group, which goes back by giveBack.
func (k *hook) borrow(ctx context.Context, group string) (*member, error) {
	k.mu.Lock()
	p := k.pools[group]
	if p == nil {
		p = &pool{}
		k.pools[group] = p
	}
	if n := len(p.idle); n > 0 {
		m := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		k.mu.Unlock()
		return m, nil
	}
	if p.size < k.limits.Instances {
		p.size++
		k.mu.Unlock()
		return k.make(ctx, group)
	}
	w := &waiter{ready: make(chan *member, 1)}
	p.waiters = append(p.waiters, w)
	k.mu.Unlock()
	return k.wait(ctx, group, p, w)
}

func (k *hook) wait(ctx context.Context, group string, p *pool, w *waiter) (*member, error) {
	k.host.waiting.Add(1)
	defer k.host.waiting.Add(-1)
	timer := time.NewTimer(k.host.patience)
	defer timer.Stop()
	var err error
	select {
	case m := <-w.ready:
		if m == nil {
			return k.make(ctx, group)
		}
		return m, nil
	case <-ctx.Done():
		err = engine.Unavailable(ctx.Err(), "waiting for an instance of the hook %q was cut short", k.name)
	case <-timer.C:
		err = engine.Errorf(engine.CodeUnavailable, "all %d instances of the hook %q for this agent group are busy; try again later", k.limits.Instances, k.name)
	}
	k.mu.Lock()
	i := slices.Index(p.waiters, w)
	if i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
	k.mu.Unlock()
	if i < 0 { // it was given one meanwhile
		if m := <-w.ready; m != nil {
			k.giveBack(m, true, time.Since(k.host.opened))
		} else {
			k.leave(group)
		}
	}
	return nil, err
}

// make makes an instance, with leave to.
func (k *hook) make(ctx context.Context, group string) (*member, error) {
	m, err := k.newMember(ctx, group)
	if err != nil {
		k.leave(group)
	}
	return m, err
}

func (k *hook) newMember(ctx context.Context, group string) (*member, error) {
	p, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	room, err := k.host.budget.room(ctx, k.footprint(p), k.host.patience)
	if err != nil {
		return nil, err
	}
	log := newCallLog(k.limits.LogBytes, k.journal.add)
	g, err := newGuest(p, setup{hook: k.name, config: k.config, limits: k.limits, log: log, room: room})
	if err != nil {
		return nil, err
	}
	m := &member{guest: g, group: group, began: g.memory()}
	k.began.Store(m.began)
	return m, nil
}

// footprint is what an instance will begin with: as the one before it did, or
// what the module declares.
func (k *hook) footprint(p *program) int64 {
	return max(k.began.Load(), declaredMemory(p))
}

func declaredMemory(p *program) (bytes int64) {
	for _, m := range p.compiled.ExportedMemories() {
		bytes = max(bytes, int64(m.Min())<<16)
	}
	return bytes
}

// giveBack ends the use of an instance. It is kept if it may be called again.
func (k *hook) giveBack(m *member, keep bool, now time.Duration) {
	if size := m.memory(); size > k.limits.MemoryBytes/grownShare && size > m.began*grownFactor {
		keep = false
	}
	keep = keep && k.version.Shape != engine.HookCommand
	if !keep {
		m.close()
		k.leave(m.group)
		return
	}
	k.mu.Lock()
	p := k.pools[m.group]
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = slices.Delete(p.waiters, 0, 1)
		w.ready <- m
	} else {
		m.idleAt = now
		p.idle = append(p.idle, m)
	}
	k.mu.Unlock()
	k.host.budget.signal()
}

// leave passes on what lets somebody make an instance.
func (k *hook) leave(group string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.pools[group]
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = slices.Delete(p.waiters, 0, 1)
		w.ready <- nil
		return
	}
	if p.size--; p.size == 0 {
		delete(k.pools, group)
	}
}

// closeIdle closes the instances that have been idle since before that, and
// returns how much memory that freed.
func (k *hook) closeIdle(before time.Duration) (freed int64) {
	var old []*member
	k.mu.Lock()
	for group, p := range k.pools {
		n := 0
		for n < len(p.idle) && p.idle[n].idleAt < before {
			n++
		}
		old = append(old, p.idle[:n]...)
		p.idle = slices.Delete(p.idle, 0, n)
		if p.size -= n; p.size == 0 {
			delete(k.pools, group)
		}
	}
	k.mu.Unlock()
	for _, m := range old {
		freed += m.memory()
		m.close()
	}
	return freed
}

// idle calls yield for each idle instance.
func (k *hook) idle(yield func(at time.Duration, bytes int64)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.pools {
		for _, m := range p.idle {
			yield(m.idleAt, m.memory())
		}
	}
}

func (k *hook) instances() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.pools {
		n += p.size
	}
	return n
}
