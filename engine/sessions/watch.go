package sessions

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// watcher notices what containers write: acknowledgements, and replies. It is
// told by the kernel where the mount allows that. For where it does not, it
// looks at a file's time stamp, often at those where something happened lately
// and ever less often at the others. A session with nothing pending, whose
// container does not run, is looked at by OutboundChanged only.
type watcher struct {
	store  *Store
	wake   chan struct{}
	notify *notifier // nil: the system has none
	// tell is told of each change, if not nil; mu guards it.
	tell func(ctx context.Context, s engine.Session)
	// following bounds the sessions that are looked into at the same time: one
	// whose container holds a lock must not keep the others waiting.
	following chan struct{}
	began     time.Time

	mu      sync.Mutex // guards all below
	due     watchHeap
	watched map[string]*watch
}

type watch struct {
	session engine.Session
	stamp   fileStamp
	changed time.Time // when something was last seen to happen
	next    time.Time
	index   int       // in the heap; -1 while it is looked at
	again   bool      // something happened while it was looked at
	running bool      // its container
	heard   bool      // the kernel tells of changes
	wd      int       // the notifier's; 0 is none
	pending int       // messages without an acknowledgement, when they were last counted
	waiting waiting   // what these are, if that is known
	same    bool      // as it was found while this was looked at
	owed    bool      // it changed, and its messages were not settled since
	told    fileStamp // what it was like when its change was last told
	looked  time.Time
	breath  time.Duration // until the next look
}

type fileStamp struct {
	ino         uint64
	size, mtime int64
}

const (
	watchSoonest = 200 * time.Millisecond
	watchLatest  = time.Minute
	// watchRunning is the latest for a container that runs, where the kernel
	// was not heard to tell of changes.
	watchRunning = time.Second
	// linger is how long a session without anything pending is watched on: the
	// reply may come after the acknowledgement.
	linger = time.Minute
	// writing is how long a commit may take after its first write.
	writing = 10 * time.Millisecond
	// breathLeast is what is between two looks; where there are more within
	// breathApart of each other, ever more, up to breathMost: however much is
	// written.
	breathLeast = time.Millisecond
	breathMost  = 20 * time.Millisecond
	breathApart = 200 * time.Millisecond
	// watchAtOnce bounds the looks in which nothing else is seen.
	watchAtOnce = 256
	// settled is the age from which on a file's time stamp tells it from a later
	// version of the same size: clocks of file systems are coarse.
	settled = time.Second
)

func newWatcher(s *Store) *watcher {
	w := &watcher{store: s, wake: make(chan struct{}, 1), following: make(chan struct{}, 16), began: time.Now(), watched: map[string]*watch{}}
	w.notify = newNotifier(w.heard, w.missed)
	return w
}

// watch begins to watch a session, or notes that something happened there.
func (w *watcher) watch(sess engine.Session) { w.update(sess, func(*watch) {}) }

// running notes that a session's container runs, or does not.
func (w *watcher) running(sess engine.Session, running bool) {
	// What was heard so far may have been the engine's own doing.
	w.update(sess, func(v *watch) { v.running, v.heard = running, false })
}

func (w *watcher) update(sess engine.Session, change func(*watch)) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.watched[sess.ID]
	if v == nil {
		v = &watch{session: sess}
		v.wd = w.notify.add(w.store, v)
		w.watched[sess.ID] = v
		v.next = now.Add(watchSoonest)
		heap.Push(&w.due, v)
	}
	change(v)
	v.changed, v.waiting = now, waiting{}
	w.soon(v, watchSoonest)
}

// heard is called for what the kernel tells of a session.
func (w *watcher) heard(v *watch, in time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watched[v.session.ID] != v {
		return
	}
	v.heard, v.again = true, true
	w.soon(v, in)
}

// missed has all sessions looked at: the kernel had more to tell than it keeps.
func (w *watcher) missed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.watched {
		v.again = true
		w.soon(v, 0)
	}
}

// breathe begins a look.
func (v *watch) breathe(now time.Time) {
	if v.breath = min(2*v.breath, breathMost); now.Sub(v.looked) > breathApart {
		v.breath = breathLeast
	}
	v.looked = now
}

func (v *watch) earliest(t time.Time) time.Time {
	if next := v.looked.Add(v.breath); next.After(t) {
		return next
	}
	return t
}

// soon has v looked at within a time. mu is held.
func (w *watcher) soon(v *watch, in time.Duration) {
	if v.index < 0 {
		return // being looked at: it comes back soon
	}
	if next := v.earliest(time.Now().Add(in)); next.Before(v.next) {
		v.next = next
		heap.Fix(&w.due, v.index)
	}
	w.rouse(v)
}

// rouse wakes run if it waits for longer than v can. mu is held.
func (w *watcher) rouse(v *watch) {
	if v.index == 0 {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *watcher) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.due)
}

func (w *watcher) run(ctx context.Context) {
	timer := time.NewTimer(watchLatest)
	defer timer.Stop()
	var following sync.WaitGroup
	defer following.Wait()
	for {
		looks, wait := w.next()
		if len(looks) > 0 {
			for _, l := range w.look(looks) {
				select {
				case w.following <- struct{}{}:
				case <-ctx.Done():
					return
				}
				following.Go(func() {
					w.follow(ctx, l)
					<-w.following
				})
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-timer.C:
		}
	}
}

// look is a session that was taken out of the heap, and what was found.
type look struct {
	*watch
	began   time.Time // changed, as it was before
	old     fileStamp // stamp, as it was before
	found   fileStamp
	differs bool
	settle  bool // whether acknowledgements are looked for
	settled round
	err     error
}

// next takes the sessions that are due out of the heap. Without one, it returns
// how long it is until one will be.
func (w *watcher) next() (looks []look, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for len(looks) < watchAtOnce {
		if len(w.due) == 0 {
			return looks, watchLatest
		}
		if wait := w.due[0].next.Sub(now); wait > 0 {
			return looks, wait
		}
		v := heap.Pop(&w.due).(*watch)
		v.breathe(now)
		v.again, v.same = false, false
		looks = append(looks, look{watch: v, began: v.changed, old: v.stamp, settle: v.owed && !v.waiting.known()})
	}
	return looks, 0
}

// look returns those looks that something follows from. What is as it was, it
// puts back: most are, and this costs them one system call each.
func (w *watcher) look(looks []look) (follow []look) {
	groups := w.store.openGroups()
	defer groups.close()
	var rest []look
	for _, l := range looks {
		st, err := groups.outbound(l.session.AgentGroupID, l.session.ID)
		l.found, l.err = stampOf(st), err
		if l.differs = err == nil && l.found != l.old; err == nil && (l.differs || l.settle) {
			follow = append(follow, l)
		} else {
			rest = append(rest, l)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range rest {
		w.putBack(l)
	}
	return follow
}

// follow sees to what a session's container wrote, and puts it back.
func (w *watcher) follow(ctx context.Context, l look) {
	if l.differs {
		w.mu.Lock()
		tell := w.tell
		w.mu.Unlock()
		if tell != nil {
			tell(ctx, l.session) // first: somebody waits for a reply
		}
		w.mu.Lock()
		l.settle = l.settle || !l.same
		w.mu.Unlock()
	}
	if l.settle {
		l.settled, l.err = w.store.settle(ctx, l.session)
	}
	if l.err != nil && ctx.Err() == nil {
		w.store.log.Debug("look for acknowledgements", "session", l.session.ID, "error", l.err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.putBack(l)
}

// putBack puts a session back into the heap, unless there is nothing to wait
// for. mu is held.
func (w *watcher) putBack(l look) {
	v, now := l.watch, time.Now()
	v.owed = v.owed || l.differs
	if l.err == nil && l.settle {
		v.pending, v.owed = l.settled.pending, false
	}
	switch {
	case l.err != nil || !v.changed.Equal(l.began):
		v.waiting = waiting{}
	case l.settle:
		v.waiting = l.settled.waiting
	}
	if l.differs {
		// A stamp that may stand for a later version too is not trusted, unless
		// the kernel tells of that.
		if v.stamp = (fileStamp{}); v.heard || now.Sub(time.Unix(0, l.found.mtime)).Abs() > settled {
			v.stamp = l.found
		}
		if v.told != l.found {
			v.told, v.changed = l.found, now
		}
	}
	quiet := now.Sub(v.changed)
	gone := errors.Is(l.err, unix.ENOENT) && !v.again // it is archived, say
	if gone || v.pending == 0 && l.err == nil && !v.running && !v.again && v.changed.Equal(l.began) && quiet > linger {
		delete(w.watched, v.session.ID)
		w.notify.remove(v)
		return
	}
	latest := watchLatest
	if v.running && !v.heard {
		latest = watchRunning
	}
	v.next = w.within(now, min(max(quiet/8, watchSoonest), latest))
	if v.again {
		v.next = v.earliest(now)
	}
	heap.Push(&w.due, v)
	w.rouse(v)
}

// within is a time that is no later than d from now. Those that have long
// enough are at the same times, as to awake costs more than to look.
func (w *watcher) within(now time.Time, d time.Duration) time.Time {
	if d >= watchRunning {
		d -= (now.Sub(w.began) + d) % watchRunning
	}
	return now.Add(d)
}

// outboundStamp changes whenever outbound.db does.
func (s *Store) outboundStamp(sess engine.Session) (fileStamp, error) {
	group, err := s.sessions.sub(sess.AgentGroupID)
	if err != nil {
		return fileStamp{}, err
	}
	defer group.close()
	d, err := group.sub(sess.ID)
	if err != nil {
		return fileStamp{}, err
	}
	defer d.close()
	st, err := d.stat(outboundName)
	return stampOf(st), err
}

func stampOf(st unix.Stat_t) fileStamp {
	return fileStamp{ino: st.Ino, size: st.Size, mtime: st.Mtim.Nano()}
}

// watchHeap has the session to be looked at next on top.
type watchHeap []*watch

func (h watchHeap) Len() int           { return len(h) }
func (h watchHeap) Less(i, j int) bool { return h[i].next.Before(h[j].next) }
func (h watchHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *watchHeap) Push(v any) {
	v.(*watch).index = len(*h)
	*h = append(*h, v.(*watch))
}
func (h *watchHeap) Pop() any {
	old := *h
	v := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	v.index = -1
	return v
}
