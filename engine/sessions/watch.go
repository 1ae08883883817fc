package sessions

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// watcher notices acknowledgements of sessions that have messages to be
// acknowledged. It looks at a file's time stamp only, often at those where
// something happened lately and ever less often at the others; a session with
// nothing pending is not looked at.
type watcher struct {
	store *Store
	wake  chan struct{}
	// looking bounds the sessions that are looked at at the same time: one
	// whose container holds a lock must not keep the others waiting.
	looking chan struct{}

	mu      sync.Mutex // guards all below
	due     watchHeap
	watched map[string]*watch
}

type watch struct {
	session engine.Session
	stamp   fileStamp
	changed time.Time // when something was last seen to happen
	next    time.Time
	index   int // in the heap; -1 while it is looked at
}

type fileStamp struct {
	ino         uint64
	size, mtime int64
}

const (
	watchSoonest = 200 * time.Millisecond
	watchLatest  = time.Minute
	// settled is the age from which on a file's time stamp tells it from a later
	// version of the same size: clocks of file systems are coarse.
	settled = time.Second
)

func newWatcher(s *Store) *watcher {
	return &watcher{store: s, wake: make(chan struct{}, 1), looking: make(chan struct{}, 16), watched: map[string]*watch{}}
}

// watch begins to watch a session, or notes that something happened there.
func (w *watcher) watch(sess engine.Session) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.watched[sess.ID]
	if v == nil {
		v = &watch{session: sess}
		w.watched[sess.ID] = v
		v.next = now.Add(watchSoonest)
		heap.Push(&w.due, v)
	}
	v.changed = now
	if v.index < 0 {
		return // being looked at: it comes back soon
	}
	if v.next.Sub(now) > watchSoonest {
		v.next = now.Add(watchSoonest)
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
	var looks sync.WaitGroup
	defer looks.Wait()
	for {
		v, wait := w.next()
		if v != nil {
			select {
			case w.looking <- struct{}{}:
			case <-ctx.Done():
				return
			}
			looks.Go(func() {
				w.look(ctx, v)
				<-w.looking
			})
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

// next takes the session that is due out of the heap. Without one, it returns
// how long it is until one will be.
func (w *watcher) next() (*watch, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.due) == 0 {
		return nil, watchLatest
	}
	if wait := time.Until(w.due[0].next); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&w.due).(*watch), 0
}

// look looks at a session that was taken out of the heap, and puts it back
// unless it has nothing to be acknowledged.
func (w *watcher) look(ctx context.Context, v *watch) {
	w.mu.Lock()
	old, began := v.stamp, v.changed
	w.mu.Unlock()

	pending := 1
	stamp, err := w.store.outboundStamp(v.session)
	if err == nil && stamp != old {
		pending, err = w.store.copyAcks(ctx, v.session)
	}
	if err != nil && ctx.Err() == nil {
		w.store.log.Debug("look for acknowledgements", "session", v.session.ID, "error", err)
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if pending == 0 && err == nil && v.changed.Equal(began) {
		delete(w.watched, v.session.ID)
		return
	}
	if err == nil && stamp != old {
		v.changed = now
		if now.Sub(time.Unix(0, stamp.mtime)).Abs() > settled {
			v.stamp = stamp
		}
	}
	v.next = now.Add(min(max(now.Sub(v.changed)/8, watchSoonest), watchLatest))
	heap.Push(&w.due, v)
	w.rouse(v)
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
