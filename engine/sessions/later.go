package sessions

import (
	"context"
	"sync"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// later has sessions settled when a time comes, whatever their containers do:
// a run that a hook refused is over, or what nobody reads is old enough.
type later struct {
	store *Store
	wake  chan struct{}
	mu    sync.Mutex // guards at
	at    map[string]moment
}

type moment struct {
	session engine.Session
	time    time.Time
}

// laterPause is what is at least between two looks at what is due; at most it
// is watchLatest, as the clock may have been changed.
const laterPause = time.Second

func newLater(s *Store) *later {
	return &later{store: s, wake: make(chan struct{}, 1), at: map[string]moment{}}
}

// set says when a session is to be settled; zero is never.
func (l *later) set(sess engine.Session, t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.IsZero() {
		delete(l.at, sess.ID)
		return
	}
	l.at[sess.ID] = moment{sess, t}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// due takes the sessions whose time has come, and returns how long it is until
// the next one's.
func (l *later) due() (sessions []engine.Session, wait time.Duration) {
	now := l.store.opts.Now()
	wait = watchLatest
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, m := range l.at {
		if left := m.time.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		sessions = append(sessions, m.session)
		delete(l.at, id)
	}
	return sessions, max(wait, laterPause)
}

func (l *later) run(ctx context.Context) {
	var settling sync.WaitGroup
	defer settling.Wait()
	slots := make(chan struct{}, 16)
	for {
		due, wait := l.due()
		for _, sess := range due {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			settling.Go(func() {
				l.settle(ctx, sess)
				<-slots
			})
		}
		if pause(ctx, laterPause); ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(wait - laterPause)
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (l *later) settle(ctx context.Context, sess engine.Session) {
	if _, err := l.store.settle(ctx, sess); err != nil && ctx.Err() == nil {
		l.store.log.Debug("settle messages", "session", sess.ID, "error", err)
		l.set(sess, l.store.opts.Now().Add(settleRetry))
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
