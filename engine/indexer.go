package engine

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// indexRows and indexBytes are about how much is put into the index at one
	// time.
	indexRows  = 512
	indexBytes = 512 << 10
	// indexPage is how much of a session is read at one time.
	indexPage = 128
	// indexEvents bounds the events that are followed with one look at each
	// session.
	indexEvents = 8192
	// indexNews is how much of what was written last is found at once in a
	// session of which much is missing.
	indexNews = 64
	// indexGather is how long the first event waits for others.
	indexGather = 200 * time.Millisecond
	// indexIdle is how many times as long as it works the indexer rests: it
	// takes a fifth of one processor at most.
	indexIdle  = 4
	indexRetry = 5 * time.Second
	// walkSlack is how much older than the first missing event a folder may be
	// and be read: clocks of file systems are coarse, and events are not told in
	// the very moment.
	walkSlack = 10 * time.Minute
)

// indexer keeps the index of mail up to date, behind everything else: it
// follows the events, and where some are missing it looks at the folders that
// were written since. What happens is found before what is older: of a session
// of which much is missing, and of a walk over all, a little is read at one
// time, and the events are followed in between.
type indexer struct {
	e     *Engine
	index MailIndex

	place  IndexPlace
	owes   bool   // there may be sessions that something is owed of
	turn   string // the last of them that was gone on with
	batch  indexBatch
	reader *EventReader
	worked time.Duration // of the thread, before the last rest

	mu    sync.Mutex // guards what follows
	at    IndexPlace // what state shows of place
	still bool       // and of owes
}

// indexBatch is what was read and is not in the index yet.
type indexBatch struct {
	mail     []IndexedMail
	bytes    int
	sessions map[string]*IndexedSession
}

func (b *indexBatch) full() bool { return len(b.mail) >= indexRows || b.bytes >= indexBytes }

// newIndexer returns nil where there is no index.
func newIndexer(ctx context.Context, e *Engine, index MailIndex) (*indexer, error) {
	if index == nil {
		return nil, nil
	}
	x := &indexer{e: e, index: index}
	return x, x.begin(ctx)
}

// begin goes on from where the index is, or makes a new one.
func (x *indexer) begin(ctx context.Context) error {
	place, err := x.index.Place(ctx)
	if err != nil {
		return err
	}
	if place.At.IsZero() { // a new one
		place.Event, _ = x.e.events.last()
		place.At, place.Walk = x.e.now(), &IndexWalk{}
	}
	owed, err := x.index.IndexedSessions(ctx, "", true, 1)
	if err != nil {
		return err
	}
	x.reader = &EventReader{e: x.e, at: place.Event}
	x.place, x.batch, x.owes = place, indexBatch{}, len(owed) > 0
	x.show()
	return nil
}

func (x *indexer) show() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.at, x.still = x.place, x.owes
}

// state is how far the index has come.
func (x *indexer) state() IndexState {
	x.mu.Lock()
	at, still := x.at, x.still
	x.mu.Unlock()
	newest, waiting := x.e.events.last()
	s := IndexState{Until: at.At, Behind: int(min(max(newest-at.Event, 0)+waiting, keepEvents)), Building: at.Walk != nil || still}
	if s.Behind == 0 {
		s.Until = x.e.now()
	}
	return s
}

func (x *indexer) run(ctx context.Context) {
	runtime.LockOSThread() // whose time is measured
	defer runtime.UnlockOSThread()
	x.worked = threadTime()
	failing := false
	for ctx.Err() == nil {
		had, more, err := x.step(ctx)
		var least time.Duration
		if err != nil {
			if !failing && ctx.Err() == nil {
				x.e.log.Error("index mail; will try again", "error", err)
			}
			least = indexRetry
			if err := x.begin(ctx); err != nil && !failing && ctx.Err() == nil {
				x.e.log.Error("read how far the index has come", "error", err)
			}
		}
		failing = err != nil
		if more != nil {
			select {
			case <-more:
			case <-ctx.Done():
			}
		}
		if had || more != nil {
			least = indexGather
		}
		x.pause(ctx, least)
	}
}

func (x *indexer) shown() IndexPlace {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.at
}

// pause rests for what was worked since the last time, or longer.
func (x *indexer) pause(ctx context.Context, least time.Duration) {
	now := threadTime()
	rest := max(indexIdle*(now-x.worked), least)
	x.worked = now
	select {
	case <-time.After(rest):
	case <-ctx.Done():
	}
}

// threadTime is the processor time that the calling thread has used. The time
// of day would also count what others do on a busy machine, and rest for it.
func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) // every system has it
	return time.Duration(t.Nano())
}

// step follows what happened, and then goes on a little with what is older.
// had: something had happened. If there is nothing left to do, more is closed
// when there is.
func (x *indexer) step(ctx context.Context) (had bool, more <-chan struct{}, err error) {
	changed, more, err := x.changes(ctx)
	if err != nil {
		return false, nil, err
	}
	for id, c := range changed {
		if err := x.follow(ctx, id, *c); err != nil {
			return false, nil, err
		}
	}
	x.place.Event = x.reader.at
	if err := x.flush(ctx, true); err != nil {
		return false, nil, err
	}
	had = len(changed) > 0
	if x.place.Walk == nil && !x.owes {
		if had {
			more = nil // first it rests
		}
		return had, more, nil
	}
	if err := x.goBack(ctx); err != nil {
		return false, nil, err
	}
	return had, nil, x.flush(ctx, true)
}

// change is what happened to a session.
type change struct {
	MailIDs
	// written are messages behind the cursor.
	written []string
}

// changes reads events, up to some. If there are no more, more is closed when
// there are.
func (x *indexer) changes(ctx context.Context) (_ map[string]*change, more <-chan struct{}, err error) {
	changed := map[string]*change{}
	of := func(id string) *change {
		if changed[id] == nil {
			changed[id] = &change{}
		}
		return changed[id]
	}
	for n := 0; n < indexEvents; {
		events, more, err := x.reader.ready(ctx)
		if err != nil || len(events) == 0 {
			return changed, more, err
		}
		n += len(events)
		for _, ev := range events {
			switch ev.Type {
			case EventResyncRequired:
				x.missed()
			case EventSessionArchived, EventSessionRestored:
				of(ev.SessionID)
			case EventMessageWritten:
				c := of(ev.SessionID)
				if c.written = append(c.written, ev.MessageID); len(c.written) >= 2*indexNews {
					c.written = slices.Delete(c.written, 0, indexNews)
				}
			case EventMessageUpdated:
				c := of(ev.SessionID)
				c.Messages = append(c.Messages, ev.MessageID)
			case EventReplyWritten, EventReplyUpdated, EventReplyDelivered, EventReplyFailed:
				// Also of one that was just written: its number is the container's,
				// and need not be behind the cursor.
				c := of(ev.SessionID)
				c.Replies = append(c.Replies, ev.ReplyID)
			}
			x.place.At = ev.At
		}
	}
	return changed, nil, nil
}

// missed begins a walk over what was written since the last event that was
// followed. One that is under way begins again: behind it, too, there may be
// something new.
func (x *indexer) missed() {
	since := x.place.At.Add(-walkSlack)
	if w := x.place.Walk; w != nil && w.Since.Before(since) {
		since = w.Since
	}
	x.place.Walk = &IndexWalk{Since: since}
}

// flush puts what was read into the index. last: with the place.
func (x *indexer) flush(ctx context.Context, last bool) error {
	b := IndexBatch{Mail: x.batch.mail}
	for _, s := range x.batch.sessions {
		b.Sessions = append(b.Sessions, *s)
		x.owes = x.owes || s.Owed != nil
	}
	if last && x.place != x.shown() {
		b.Place = new(x.place)
	}
	if b.Place != nil || len(b.Sessions) > 0 {
		if err := x.index.Apply(ctx, b); err != nil {
			return err
		}
		x.batch = indexBatch{mail: x.batch.mail[:0]}
		clear(x.batch.mail[:cap(x.batch.mail)])
	}
	if last {
		x.show()
	}
	return nil
}
