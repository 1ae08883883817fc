package engine

import "context"

// goBack goes on a little with what is older than the events: with sessions of
// which something is owed, in turn, and with the walk.
func (x *indexer) goBack(ctx context.Context) error {
	for x.owes && !x.batch.full() {
		if did, err := x.goOn(ctx); err != nil || !did {
			if err != nil {
				return err
			}
			break
		}
	}
	switch w := x.place.Walk; {
	case w == nil:
		return nil
	case w.Sweep:
		return x.sweep(ctx, *w)
	default:
		return x.walk(ctx, *w)
	}
}

// goOn reads a page of the next session of which something is owed, or removes
// some of it.
func (x *indexer) goOn(ctx context.Context) (did bool, err error) {
	ids, err := x.index.IndexedSessions(ctx, x.turn, true, 1)
	if err == nil && len(ids) == 0 && x.turn != "" {
		ids, err = x.index.IndexedSessions(ctx, "", true, 1)
	}
	if err != nil {
		return false, err
	}
	if len(ids) == 0 {
		x.owes, x.turn = false, ""
		return false, nil
	}
	x.turn = ids[0]
	s, err := x.e.registry.Session(ctx, x.turn)
	if CodeOf(err) == CodeNotFound {
		return false, x.forget(ctx, x.turn)
	}
	if err != nil {
		return false, err
	}
	done, err := x.indexed(ctx, s)
	if err != nil || done.Owed == nil { // the index is yet to be told
		return false, err
	}
	return true, x.page(ctx, s, done)
}

// page reads a page of what is owed of a session.
func (x *indexer) page(ctx context.Context, s Session, done *IndexedSession) error {
	ids, next := MailIDs{}, int64(0)
	if *done.Owed != NothingUnended {
		var err error
		if ids, next, err = x.index.Unended(ctx, s.ID, *done.Owed, indexPage); err != nil {
			return err
		}
	}
	more, err := x.read(ctx, s, done, ids, indexPage)
	switch {
	case err != nil:
		return err
	case next != 0:
		done.Owed = &next
	case more:
		done.Owed = new(int64(NothingUnended))
	default:
		done.Owed = nil
	}
	return nil
}

// walk goes on over all sessions. Those whose files were written since are
// read on, with what was not at its end.
func (x *indexer) walk(ctx context.Context, w IndexWalk) error {
	l, err := x.e.registry.Sessions(ctx, Page{Limit: MaxPage, Cursor: w.Cursor}, SessionFilter{})
	if err != nil {
		return err
	}
	for i, s := range l.Items {
		w.Cursor = l.Cursors[i]
		if at, err := x.e.mailboxes.Modified(s); err == nil && at.Before(w.Since) {
			continue
		}
		done, err := x.indexed(ctx, s)
		if err != nil {
			return err
		}
		done.Owed = new(int64(0))
		if err := x.page(ctx, s, done); err != nil {
			return err
		}
		if x.batch.full() {
			x.place.Walk = &w
			return nil
		}
	}
	if x.place.Walk = &w; !l.HasNext {
		x.place.Walk = &IndexWalk{Since: w.Since, Sweep: true}
	}
	return nil
}

// sweep goes on to remove sessions that are archived.
func (x *indexer) sweep(ctx context.Context, w IndexWalk) error {
	ids, err := x.index.IndexedSessions(ctx, w.Cursor, false, MaxPage)
	if err != nil {
		return err
	}
	for _, id := range ids {
		w.Cursor = id
		_, err := x.e.registry.Session(ctx, id)
		if CodeOf(err) == CodeNotFound {
			x.place.Walk = &w
			return x.forget(ctx, id)
		}
		if err != nil {
			return err
		}
	}
	if x.place.Walk = &w; len(ids) < MaxPage {
		x.place.Walk = nil
	}
	return nil
}
