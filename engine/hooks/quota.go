package hooks

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/twinbox/twinbox/engine"
)

// groupShare is the part of a quota, 1/groupShare, that one agent group may
// have: whatever a group does with its own, others have theirs.
const groupShare = 2

// quota divides bytes among agent groups, in turn: nobody overtakes who waits,
// but for those who wait for their own group's share, which is no concern of
// the others. Its methods may be called concurrently.
type quota struct {
	limit int64
	what  string // it is, for who gets none
	// evict closes what is idle of a group, or of all if it is nil, until some
	// bytes have come back or nothing is; nil where nothing ever is.
	evict   func(group *string, bytes int64)
	waiting atomic.Int64 // the length of queue

	mu     sync.Mutex // guards what follows
	used   int64
	groups map[string]int64
	hooks  map[string]int64
	queue  []*claim
}

// claim is what is asked for.
type claim struct {
	group, hook string
	bytes       int64
	need        int64         // what its group may have in any case
	granted     chan struct{} // closed by who takes it out of the queue
}

func newQuota(limit int64, what string, evict func(group *string, bytes int64)) *quota {
	return &quota{limit: limit, what: what, evict: evict, groups: map[string]int64{}, hooks: map[string]int64{}}
}

// missing is what has to come back before c can have its bytes, from its own
// group if own; at most 0 if nothing has. The caller holds mu.
func (q *quota) missing(c *claim) (bytes int64, own bool) {
	if over := q.groups[c.group] + c.bytes - max(q.limit/groupShare, c.need); over > 0 {
		return over, true
	}
	return q.used + c.bytes - q.limit, false
}

// add is for a claim's bytes, or part of them, to give them back. The caller
// holds mu.
func (q *quota) add(c *claim, bytes int64) {
	q.used += bytes
	if q.groups[c.group] += bytes; q.groups[c.group] == 0 {
		delete(q.groups, c.group)
	}
	if q.hooks[c.hook] += bytes; q.hooks[c.hook] == 0 {
		delete(q.hooks, c.hook)
	}
}

// walk calls yield for those whose turn it is: the first of each group, up to
// the first that waits for what all have. It takes out those for which yield
// returns true. The caller holds mu.
func (q *quota) walk(yield func(c *claim, missing int64, own bool) bool) {
	var passed []string // groups of which one waits
	stopped := false
	q.queue = slices.DeleteFunc(q.queue, func(c *claim) bool {
		if stopped || slices.Contains(passed, c.group) {
			return false
		}
		missing, own := q.missing(c)
		if yield(c, missing, own) {
			return true
		}
		passed = append(passed, c.group)
		stopped = !own
		return false
	})
}

// grant lets those have their bytes whose turn it is. The caller holds mu.
func (q *quota) grant() {
	q.walk(func(c *claim, missing int64, _ bool) bool {
		if missing > 0 {
			return false
		}
		q.add(c, c.bytes)
		q.waiting.Add(-1)
		close(c.granted)
		return true
	})
}

// give takes bytes of a claim back.
func (q *quota) give(c *claim, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(c, -bytes)
	q.grant()
}

// try takes c's bytes if they can be had at once, and if it is its turn. What
// runs, and grows, need not wait for that: who waits, waits for its end.
func (q *quota) try(c *claim, runs bool) bool {
	for evicted := false; ; evicted = true {
		q.mu.Lock()
		if !runs && !q.next(c) {
			q.mu.Unlock()
			return false
		}
		missing, own := q.missing(c)
		if missing <= 0 {
			q.add(c, c.bytes)
		}
		q.mu.Unlock()
		if missing <= 0 || evicted || q.evict == nil {
			return missing <= 0
		}
		q.evict(c.whose(own), missing)
	}
}

func (c *claim) whose(own bool) *string {
	if own {
		return &c.group
	}
	return nil
}

// next tells whether c overtakes nobody. The caller holds mu.
func (q *quota) next(c *claim) bool {
	ok := true
	q.walk(func(w *claim, _ int64, own bool) bool {
		ok = ok && own && w.group != c.group
		return false
	})
	return ok
}

// wait waits for c's turn until then.
func (q *quota) wait(ctx context.Context, c *claim, until time.Time) error {
	c.granted = make(chan struct{})
	q.mu.Lock()
	q.queue = append(q.queue, c)
	q.waiting.Add(1)
	q.grant()
	q.mu.Unlock()
	q.relieve()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	var err error
	select {
	case <-c.granted:
		return nil
	case <-ctx.Done():
		err = engine.Unavailable(ctx.Err(), "waiting for %s was cut short", q.what)
	case <-timer.C:
		err = q.unavailable()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.queue, c)
	if i < 0 {
		return nil // it was granted meanwhile
	}
	q.queue = slices.Delete(q.queue, i, i+1)
	q.waiting.Add(-1)
	q.grant()
	return err
}

// wanted tells whether somebody waits for what a group has.
func (q *quota) wanted(group string) (yes bool) {
	if q.waiting.Load() == 0 {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.walk(func(c *claim, _ int64, own bool) bool {
		yes = yes || !own || c.group == group
		return false
	})
	return yes
}

// relieve evicts for who waits: something fell idle, or somebody came.
func (q *quota) relieve() {
	if q.evict == nil || q.waiting.Load() == 0 {
		return
	}
	type wish struct {
		group *string
		bytes int64
	}
	var wishes []wish
	q.mu.Lock()
	q.walk(func(c *claim, missing int64, own bool) bool {
		wishes = append(wishes, wish{c.whose(own), missing})
		return false
	})
	q.mu.Unlock()
	for _, w := range wishes {
		q.evict(w.group, w.bytes)
	}
}

func (q *quota) unavailable() error {
	return engine.Errorf(engine.CodeUnavailable, "%s is in use (%s bytes in all, half of them for one agent group); try again later", q.what, humanize.Comma(q.limit))
}

// sum is what is in use, and by which hooks.
func (q *quota) sum(yield func(hook string, bytes int64)) (used int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for hook, bytes := range q.hooks {
		yield(hook, bytes)
	}
	return q.used
}
