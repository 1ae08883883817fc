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

// stamps remember what each session's outbound.db was like. There are as many
// as sessions, so they are hashes, of ids too: in what has no pointers there is
// nothing for a collection of garbage to go through.
type stamps struct {
	seed maphash.Seed
	mu   sync.Mutex // guards seen
	seen map[uint64]uint64
}

func newStamps() stamps { return stamps{seed: maphash.MakeSeed(), seen: map[uint64]uint64{}} }

func (s *stamps) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, maphash.String(s.seed, id))
}

// note remembers a file in which nothing is to be looked for.
func (s *stamps) note(id string, st unix.Stat_t) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[maphash.String(s.seed, id)] = s.hash(st)
}

func (s *stamps) hash(st unix.Stat_t) uint64 {
	return maphash.Comparable(s.seed, struct {
		fileStamp
		changed int64
	}{stampOf(st), st.Ctim.Nano()})
}

// bornBefore is by how much a new outbound.db is made to look older than it is,
// so that its stamp differs from that of whatever is written to it at once.
const bornBefore = 2 * settled

// noteNew remembers an outbound.db that was just made, which nobody knows yet.
// Where that fails, it is looked at once more than need be.
func (s *Store) noteNew(d *dir, sess engine.Session) {
	born := unix.NsecToTimespec(time.Now().Add(-bornBefore).UnixNano())
	if unix.UtimesNanoAt(d.fd, outboundName, []unix.Timespec{born, born}, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return
	}
	if st, err := d.stat(outboundName); err == nil {
		s.stamps.note(sess.ID, st)
	}
}

// OutboundChanged looks at time stamps. See engine.Outboxes.
func (s *Store) OutboundChanged(places []engine.SessionPlace, since func(sessionID string) time.Time) (ids, unread []string) {
	s.entered.RLock()
	defer s.entered.RUnlock()
	if s.gone {
		return nil, nil
	}
	groups := s.openGroups()
	defer groups.close()
	for _, p := range places {
		switch st, err := groups.outbound(p.AgentGroupID, p.ID); {
		case err != nil:
			unread = append(unread, p.ID)
		case s.stamps.changed(p.ID, st, since):
			ids = append(ids, p.ID)
		}
	}
	return ids, unread
}

func (s *stamps) changed(id string, st unix.Stat_t, since func(string) time.Time) bool {
	at, now := time.Unix(st.Ctim.Unix()), s.hash(st)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := maphash.String(s.seed, id)
	old, known := s.seen[key]
	if known && old == now {
		return false
	}
	if time.Since(at).Abs() <= settled {
		now = 0 // it may stand for a later version too
	}
	s.seen[key] = now
	return known || !at.Before(since(id))
}

// groups are agent groups' folders, held open while many sessions are looked at.
type groups struct {
	sessions *dir
	open     map[string]*dir
}

func (s *Store) openGroups() groups { return groups{s.sessions, map[string]*dir{}} }

func (g groups) close() {
	for _, d := range g.open {
		d.close()
	}
}

// outbound is what a session's outbound.db is like. It is one call instead of
// three, and no link leads to more than a stamp.
func (g groups) outbound(agentGroupID, sessionID string) (unix.Stat_t, error) {
	group := g.open[agentGroupID]
	if group == nil {
		var err error
		if group, err = g.sessions.sub(agentGroupID); err != nil {
			return unix.Stat_t{}, err
		}
		g.open[agentGroupID] = group
	}
	return group.stat(sessionID + "/" + outboundName)
}
