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
	pool   *pool
	group  string
	began  int64         // bytes of memory when it was made
	idleAt time.Duration // since the host was opened
}

// waiter gets an instance, or nil as leave to make one.
type waiter struct{ ready chan *member }

// idleMember returns an instance for the group that is idle, if there is one.
func (k *hook) idleMember(group string) *member {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p := k.pools[group]; p != nil {
		return p.take()
	}
	return nil
}

// take takes the instance that was used last from those that are idle.
func (p *pool) take() *member {
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	m := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return m
}

// borrow returns an instance for the group, which goes back by giveBack.
func (k *hook) borrow(ctx context.Context, group string) (*member, error) {
	until := time.Now().Add(k.host.patience)
	k.mu.Lock()
	p := k.pools[group]
	if p == nil {
		p = &pool{}
		k.pools[group] = p
	}
	if m := p.take(); m != nil {
		k.mu.Unlock()
		return m, nil
	}
	if len(p.waiters) == 0 && p.size < k.limits.Instances {
		p.size++
		k.mu.Unlock()
		return k.make(ctx, group, p, until)
	}
	w := &waiter{ready: make(chan *member, 1)}
	p.waiters = append(p.waiters, w)
	// There was no memory for another; who waits first tries again.
	k.grow(p)
	k.mu.Unlock()
	return k.wait(ctx, group, p, w, until)
}

// grow gives who waits first leave to make an instance, if the pool may have
// one more. The caller holds the hook's mutex.
func (k *hook) grow(p *pool) {
	if len(p.waiters) > 0 && p.size < k.limits.Instances {
		p.size++
		p.next(nil)
	}
}

// next gives who waits first an instance, or leave to make one.
func (p *pool) next(m *member) {
	w := p.waiters[0]
	p.waiters = slices.Delete(p.waiters, 0, 1)
	w.ready <- m
}

func (k *hook) wait(ctx context.Context, group string, p *pool, w *waiter, until time.Time) (*member, error) {
	k.host.waiting.Add(1)
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	var err error
	select {
	case m := <-w.ready:
		k.host.waiting.Add(-1)
		if m == nil {
			return k.make(ctx, group, p, until)
		}
		return m, nil
	case <-ctx.Done():
		err = engine.Unavailable(ctx.Err(), "waiting for an instance of the hook %q was cut short", k.name)
	case <-timer.C:
	}
	k.host.waiting.Add(-1)
	k.mu.Lock()
	if err == nil {
		err = k.busy(p)
	}
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

// busy is why a pool has no instance for who waited. The caller holds the
// hook's mutex.
func (k *hook) busy(p *pool) error {
	if p.size < k.limits.Instances {
		return k.host.memory.unavailable()
	}
	return engine.Errorf(engine.CodeUnavailable, "all %d instances of the hook %q for this agent group are busy; try again later", k.limits.Instances, k.name)
}

// make makes an instance, with leave to. If there is no memory for it, it takes
// one that others of its pool are done with: to make room by closing that would
// cost a start for each call.
func (k *hook) make(ctx context.Context, group string, p *pool, until time.Time) (m *member, err error) {
	defer func() {
		if err != nil {
			k.leave(group)
		}
	}()
	program, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	room := k.host.newRoom(group, k.name, k.limits)
	bytes := k.footprint(program)
	taken, err := room.tryBegin(bytes)
	if err != nil {
		return nil, err
	}
	if !taken {
		k.mu.Lock()
		if m := p.take(); m != nil {
			p.size--
			k.mu.Unlock()
			return m, nil
		}
		if p.size > 1 {
			p.size--
			w := &waiter{ready: make(chan *member, 1)}
			p.waiters = slices.Insert(p.waiters, 0, w)
			k.mu.Unlock()
			return k.wait(ctx, group, p, w, until)
		}
		k.mu.Unlock()
		if err := room.begin(ctx, bytes, until); err != nil {
			return nil, err
		}
	}
	return k.newMember(program, group, p, room)
}

func (k *hook) newMember(of *program, group string, p *pool, room *room) (*member, error) {
	log := newCallLog(k.limits.LogBytes, k.journal.add)
	begun := time.Now()
	g, err := newGuest(of, setup{hook: k.name, config: k.config, limits: k.limits, log: log, room: room})
	if err != nil {
		return nil, err
	}
	if of.Shape != engine.HookCommand {
		k.stats.start(time.Since(begun), g.started())
	}
	m := &member{guest: g, pool: p, group: group, began: g.memory()}
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
	if !keep || k.version.Shape == engine.HookCommand || k.host.memory.wanted(m.group) {
		m.close()
		k.leave(m.group)
		return
	}
	k.mu.Lock()
	if p := m.pool; len(p.waiters) > 0 {
		p.next(m)
	} else {
		m.idleAt = now
		p.idle = append(p.idle, m)
	}
	k.mu.Unlock()
	k.host.memory.relieve()
}

// leave passes on what lets somebody make an instance.
func (k *hook) leave(group string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.pools[group]
	if len(p.waiters) > 0 {
		p.next(nil)
		return
	}
	if p.size--; p.size == 0 {
		delete(k.pools, group)
	}
}

// closeIdle closes the instances of a group, or of all, that have been idle
// since before that.
func (k *hook) closeIdle(before time.Duration, of *string) {
	var old []*member
	k.mu.Lock()
	for group, p := range k.pools {
		if of != nil && group != *of {
			continue
		}
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
		m.close()
	}
}

// idle calls yield for each idle instance of a group, or of all.
func (k *hook) idle(of *string, yield func(at time.Duration, bytes int64)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for group, p := range k.pools {
		if of != nil && group != *of {
			continue
		}
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
