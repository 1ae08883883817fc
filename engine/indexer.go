package engine

import (
	"context"
	"sync"
	"time"
)

const (
	// indexRows is about how much is read before it is put into the index.
	indexRows = 512
	// indexEvents bounds the events that are followed with one look at each
	// session.
	indexEvents = 2048
	// indexPage is how much of a session is read at one time.
	indexPage = 256
	// indexGather is how long the first event waits for others.
	indexGather = 200 * time.Millisecond
	// indexIdle is how many times as long as it works the indexer rests: it
	// takes a fifth of one processor at most.
	indexIdle    = 4
	indexMaxRest = 2 * time.Second
	indexRetry   = 5 * time.Second
	// walkSlack is how much older than the first missing event a folder may be
	// and be read: clocks of file systems are coarse, and events are not told in
	// the very moment.
	walkSlack = 10 * time.Minute
)

// indexer keeps the index of mail up to date, behind everything else: it
// follows the events, and where some are missing it looks at the folders that
// were written since.
type indexer struct {
	e     *Engine
	index MailIndex
	rest  time.Duration // owed

	place  IndexPlace
	batch  indexBatch
	reader *EventReader

	mu sync.Mutex // guards at
	at IndexPlace // what state shows of place
}

// indexBatch is what was read and is not in the index yet.
type indexBatch struct {
	mail     []IndexedMail
	sessions map[string]*IndexedSession
}

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
	x.reader = &EventReader{e: x.e, at: place.Event}
	x.place, x.batch = place, indexBatch{}
	x.show()
	return nil
}

func (x *indexer) show() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.at = x.place
}

// state is how far the index has come.
func (x *indexer) state() IndexState {
	x.mu.Lock()
	at := x.at
	x.mu.Unlock()
	newest, waiting := x.e.events.last()
	s := IndexState{Until: at.At, Behind: int(min(max(newest-at.Event, 0)+waiting, keepEvents)), Building: at.Walk != nil}
	if s.Behind == 0 {
		s.Until = x.e.now()
	}
	return s
}

func (x *indexer) run(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		began := time.Now()
		idle, more, err := x.step(ctx)
		x.rest += indexIdle * time.Since(began)
		if err != nil {
			if !failing && ctx.Err() == nil {
				x.e.log.Error("index mail; will try again", "error", err)
			}
			x.rest = indexRetry
			if err := x.begin(ctx); err != nil && !failing && ctx.Err() == nil {
				x.e.log.Error("read how far the index has come", "error", err)
			}
		}
		failing = err != nil
		if idle {
			select {
			case <-more:
			case <-ctx.Done():
			}
			x.rest = max(x.rest, indexGather)
		}
		x.pause(ctx)
	}
}

func (x *indexer) shown() IndexPlace {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.at
}

// pause rests for what is owed.
func (x *indexer) pause(ctx context.Context) {
	select {
	case <-time.After(min(x.rest, max(indexMaxRest, indexRetry))):
	case <-ctx.Done():
	}
	x.rest = 0
}

// step follows some events, or goes on with the walk. more is closed when
// there are events again.
func (x *indexer) step(ctx context.Context) (idle bool, more <-chan struct{}, err error) {
	changed, more, err := x.changes(ctx)
	if err != nil {
		return false, nil, err
	}
	for id, ids := range changed {
		if err := x.catchUp(ctx, id, ids.MailIDs, ids.gone); err != nil {
			return false, nil, err
		}
	}
	walking := x.place.Walk != nil
	if walking {
		if err := x.walk(ctx); err != nil {
			return false, nil, err
		}
	}
	x.place.Event = x.reader.at
	if err := x.flush(ctx, true); err != nil {
		return false, nil, err
	}
	return len(changed) == 0 && !walking, more, nil
}

// change is what happened to a session.
type change struct {
	MailIDs
	gone bool
}

// changes reads events, up to some.
func (x *indexer) changes(ctx context.Context) (map[string]*change, <-chan struct{}, error) {
	changed := map[string]*change{}
	of := func(id string) *change {
		if changed[id] == nil {
			changed[id] = &change{}
		}
		return changed[id]
	}
	var more <-chan struct{}
	for n := 0; n < indexEvents; {
		var events []Event
		var err error
		if events, more, err = x.reader.ready(ctx); err != nil {
			return nil, nil, err
		}
		if len(events) == 0 {
			break
		}
		n += len(events)
		for _, ev := range events {
			switch ev.Type {
			case EventResyncRequired:
				x.missed()
			case EventSessionArchived:
				of(ev.SessionID).gone = true
			case EventSessionRestored:
				of(ev.SessionID).gone = false
			case EventMessageWritten: // it is behind the cursor
				of(ev.SessionID)
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
	return changed, more, nil
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
	}
	if last {
		if x.place == x.shown() && len(b.Sessions) == 0 {
			return nil
		}
		place := x.place
		b.Place = &place
	}
	if err := x.index.Apply(ctx, b); err != nil {
		return err
	}
	x.batch = indexBatch{mail: x.batch.mail[:0]}
	clear(x.batch.mail[:cap(x.batch.mail)])
	if last {
		x.show()
	}
	return nil
}
