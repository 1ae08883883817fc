package sessions

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// OnOutbound names whom to tell of changes. See engine.Outboxes.
func (s *Store) OnOutbound(tell func(context.Context, engine.Session)) {
	s.watcher.mu.Lock()
	defer s.watcher.mu.Unlock()
	s.watcher.tell = tell
	for _, v := range s.watcher.watched {
		v.stamp, v.told = fileStamp{}, fileStamp{} // what was not told before is
		s.watcher.soon(v, 0)
	}
}

// stamps remember what outbound.db was like, as a hash, since there are as
// many as sessions.
type stamps struct {
	seed maphash.Seed
	mu   sync.Mutex // guards seen
	seen map[string]uint64
}

func (s *stamps) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, id)
}

// OutboundChanged looks at time stamps. See engine.Outboxes.
func (s *Store) OutboundChanged(sessions []engine.Session, since time.Time) (changed []engine.Session) {
	s.entered.RLock()
	defer s.entered.RUnlock()
	if s.gone {
		return nil
	}
	groups := map[string]*dir{}
	defer func() {
		for _, g := range groups {
			g.close()
		}
	}()
	for _, sess := range sessions {
		group := groups[sess.AgentGroupID]
		if group == nil {
			var err error
			if group, err = s.sessions.sub(sess.AgentGroupID); err != nil {
				continue
			}
			groups[sess.AgentGroupID] = group
		}
		// One call instead of three. No link leads to more than a stamp.
		st, err := group.stat(sess.ID + "/" + outboundName)
		if err == nil && s.stamps.changed(sess.ID, st, since) {
			changed = append(changed, sess)
		}
	}
	return changed
}

func (s *stamps) changed(id string, st unix.Stat_t, since time.Time) bool {
	at := time.Unix(st.Ctim.Unix())
	now := maphash.Comparable(s.seed, struct {
		fileStamp
		changed int64
	}{stampOf(st), at.UnixNano()})
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.seen[id]
	s.seen[id] = now
	if known {
		return old != now
	}
	return !at.Before(since)
}
