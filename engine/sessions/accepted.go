package sessions

import (
	"context"
	"hash/maphash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
)

// acceptedIDs knows which message ids sessions have accepted, where somebody
// asked lately, so that who asks about a new one need not wait for a commit.
// It knows too many rather than too few: what it knows is looked up, and what
// is written is decided by the table.
type acceptedIDs struct {
	seed maphash.Seed

	mu    sync.Mutex // guards all below, and what is in the sets
	sets  *simplelru.LRU[string, *idSet]
	count int // of ids, in all sets
}

// idSet has a session's ids, by their hash.
type idSet struct {
	ids map[uint64]struct{}
	// read is the id up to which the table was read; whole: there is no more.
	read  string
	whole bool
	// over: there are more than a set may have; it has none.
	over bool
}

const (
	// acceptedSets, and acceptedIDsMost in all and in one set, bound the memory:
	// some 15 bytes for an id.
	acceptedSets     = 4096
	acceptedIDsMost  = 1 << 20
	acceptedInOneSet = 1 << 18
	// acceptedChunk is how much of a table is read with one lookup, so that none
	// takes longer the more a session has accepted.
	acceptedChunk = 256
)

func newAcceptedIDs() (*acceptedIDs, error) {
	a := &acceptedIDs{seed: maphash.MakeSeed()}
	var err error
	a.sets, err = simplelru.NewLRU(acceptedSets, func(_ string, s *idSet) { a.count -= len(s.ids) })
	return a, err
}

// lacks tells that a session never accepted an id.
func (a *acceptedIDs) lacks(sessionID, id string) bool {
	h := maphash.String(a.seed, id)
	a.mu.Lock()
	defer a.mu.Unlock()
	s, found := a.sets.Get(sessionID)
	if !found || !s.whole {
		return false
	}
	_, has := s.ids[h]
	return !has
}

// add is told of ids as they are inserted, before that is committed.
func (a *acceptedIDs) add(sessionID string, ids ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, found := a.sets.Peek(sessionID)
	if !found || s.over {
		return
	}
	before := len(s.ids)
	for _, id := range ids {
		s.ids[maphash.String(a.seed, id)] = struct{}{}
	}
	a.count += len(s.ids) - before
	if len(s.ids) > acceptedInOneSet {
		a.count -= len(s.ids)
		*s = idSet{over: true}
	}
	for a.count > acceptedIDsMost {
		a.sets.RemoveOldest()
	}
}

// next returns the id from which on a session's table is to be read; more is
// false if there is no use in it.
func (a *acceptedIDs) next(sessionID string) (after string, more bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, found := a.sets.Get(sessionID)
	if !found {
		s = &idSet{ids: map[uint64]struct{}{}}
		a.sets.Add(sessionID, s)
	}
	return s.read, !s.whole && !s.over
}

// readTo notes up to where the table was read.
func (a *acceptedIDs) readTo(sessionID, id string, whole bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s, found := a.sets.Peek(sessionID); found && !s.over {
		s.read, s.whole = id, whole
	}
}

// forget is for a session whose folder is gone, and may come back otherwise.
func (a *acceptedIDs) forget(sessionID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sets.Remove(sessionID)
}

// Accepted tells whether an id was accepted before. See engine.MessageWriter.
func (s *Store) Accepted(ctx context.Context, sess engine.Session, id string) (known bool, err error) {
	if s.accepted.lacks(sess.ID, id) {
		return false, nil
	}
	// In the writer's next batch, which has an SQLite at hand.
	err = s.do(ctx, sess, func(in *inbox) (err error) {
		known, err = in.queryRow(func(*sqlite3.Stmt) {}, `SELECT 1 FROM engine_accepted WHERE id = ?`, id)
		if err != nil {
			return err
		}
		return in.readAccepted()
	})
	return known, err
}

// readAccepted reads a little more of what the session has accepted. Nothing
// is missed by that: what is inserted meanwhile, this writer adds.
func (in *inbox) readAccepted() error {
	known := in.store.accepted
	after, more := known.next(in.session.ID)
	if !more {
		return nil
	}
	// What a container put there must not stop this short of the end.
	st, err := in.prepare(`SELECT id FROM engine_accepted WHERE id > ? AND typeof(id) = 'text' AND octet_length(id) <= ? ORDER BY id LIMIT ?`)
	if err != nil {
		return err
	}
	if err := bind(st, []any{after, int64(maxText), int64(acceptedChunk)}); err != nil {
		return err
	}
	ids := make([]string, 0, acceptedChunk)
	for st.Step() {
		ids = append(ids, st.ColumnText(0))
	}
	if err := st.Err(); err != nil {
		_ = st.Reset() // says the same
		return err
	}
	if err := st.Reset(); err != nil {
		return err
	}
	if len(ids) > 0 {
		after = ids[len(ids)-1]
	}
	known.add(in.session.ID, ids...)
	known.readTo(in.session.ID, after, len(ids) < acceptedChunk)
	return nil
}
