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

	mu      sync.Mutex // guards all below
	due     watchHeap
	watched map[string]*watch
}

type watch struct {
	session engine.Session
	stamp   fileStamp
	changed time.Time // when something was last seen to happen
	next    time.Time
	index   int // in the heap
}

type fileStamp struct {
	ino         uint64
	size, mtime int64
}

const (
	watchSoonest = 200 * time.Millisecond
	watchLatest  = time.Minute
)

func newWatcher(s *Store) *watcher {
	return &watcher{store: s, wake: make(chan struct{}, 1), watched: map[string]*watch{}}
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
	if v.next.Sub(now) > watchSoonest {
		v.next = now.Add(watchSoonest)
		heap.Fix(&w.due, v.index)
	}
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
	for {
		w.mu.Lock()
		wait := watchLatest
		if len(w.due) > 0 {
			wait = time.Until(w.due[0].next)
		}
		w.mu.Unlock()
		if wait <= 0 {
			w.look(ctx)
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

// look looks at the session that is due next.
func (w *watcher) look(ctx context.Context) {
	w.mu.Lock()
	v := w.due[0]
	old := v.stamp
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
	if err == nil && stamp != old {
		v.stamp = stamp
		v.changed = now
	}
	if pending == 0 && err == nil {
		heap.Remove(&w.due, v.index)
		delete(w.watched, v.session.ID)
		return
	}
	v.next = now.Add(min(max(now.Sub(v.changed)/8, watchSoonest), watchLatest))
	heap.Fix(&w.due, v.index)
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
	return v
}
