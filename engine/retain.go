package engine

import (
	"container/heap"
	"context"
	"errors"
	"time"
)

const (
	retainEvery = time.Hour
	// retainLooks bounds the sessions that one run looks at for each action.
	retainLooks = 1000
	retainPage  = 100
	// retainSteps bounds what a run does that nobody waits for.
	retainSteps = retainLooks
	// filesAgain is when a session is looked at again whose files wait for
	// something that is not settled.
	filesAgain = 24 * time.Hour
)

// retention clears away what the policy does not keep.
type retention struct {
	policy RetentionPolicy
	every  time.Duration

	running chan struct{} // full while a run is under way, whose after is
	// after is where the next run goes on: sessions that stay must not keep it
	// from looking at the others.
	after map[SessionStatus]IdlePlace
}

// RetentionPolicy returns the policy that the engine was made with.
func (e *Engine) RetentionPolicy() RetentionPolicy { return e.retention.policy }

// runRetention clears away now and then, until ctx ends.
func (e *Engine) runRetention(ctx context.Context) {
	if err := e.removeArchivedFolders(ctx); err != nil && ctx.Err() == nil {
		e.log.Error("remove the folders of archived sessions", "error", err)
	}
	for e.retention.policy != (RetentionPolicy{}) && pause(ctx, e.retention.every) {
		r, err := e.retain(ctx, retainSteps, false)
		if err != nil && ctx.Err() == nil {
			e.log.Error("retention", "error", err)
		}
		if len(r.Steps) > 0 {
			e.log.Info("retention", "steps", len(r.Steps), "more", r.More)
		}
	}
}

// Retain does what the policy says, at most so many steps (1 to MaxPage), or
// with dry only tells what it would do. Each run looks at some thousand
// sessions and goes on where the last one ended.
func (e *Engine) Retain(ctx context.Context, steps int, dry bool) (RetentionReport, error) {
	if steps < 1 || steps > MaxPage {
		return RetentionReport{}, InvalidField("max", "max must be 1 to %d", MaxPage)
	}
	done, err := e.begin()
	if err != nil {
		return RetentionReport{}, err
	}
	defer done()
	return e.retain(ctx, steps, dry)
}

func (e *Engine) retain(ctx context.Context, steps int, dry bool) (r RetentionReport, err error) {
	select {
	case e.retention.running <- struct{}{}:
		defer func() { <-e.retention.running }()
	case <-ctx.Done():
		return r, Unavailable(ctx.Err(), "another run of retention is under way; nothing was done; try again when it has ended")
	}
	run := &retaining{e: e, steps: steps, dry: dry, now: e.now()}
	if !dry {
		// One that cannot be removed keeps nothing else.
		if err := e.removeArchivedFolders(ctx); err != nil {
			e.log.Error("remove the folders of archived sessions", "error", err)
		}
	}
	p := e.retention.policy
	if p.CloseIdle > 0 {
		err = run.idle(ctx, SessionActive, p.CloseIdle, run.close)
	}
	if err == nil && p.PruneFiles > 0 {
		err = run.prune(ctx, run.now.Add(-p.PruneFiles))
	}
	if err == nil && p.ArchiveClosed > 0 {
		err = run.idle(ctx, SessionClosed, p.ArchiveClosed, run.archive)
	}
	return run.report, err
}

// retaining is one run of retention.
type retaining struct {
	e      *Engine
	steps  int
	dry    bool
	now    time.Time
	report RetentionReport
}

func (r *retaining) full() bool {
	full := len(r.report.Steps) >= r.steps
	r.report.More = r.report.More || full
	return full
}

// add reports a step. What went wrong with one session stops no other.
func (r *retaining) add(ctx context.Context, step RetentionStep, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.e.log.Warn("retention", "action", step.Action, "session", step.Session.ID, "error", err)
		step.Problem = publicReason(err)
	}
	r.report.Steps = append(r.report.Steps, step)
	return nil
}

// idle has act look at sessions that are idle for an age. act holds each one's
// gate, and is given the session as it is then.
func (r *retaining) idle(ctx context.Context, status SessionStatus, age time.Duration, act func(context.Context, Session, time.Time) error) error {
	q := IdleQuery{Status: status, Before: r.now.Add(-age), After: r.e.retention.after[status], Limit: retainPage}
	for range retainLooks / retainPage {
		if r.full() {
			return nil
		}
		list, err := r.e.registry.IdleSessions(ctx, q)
		if err != nil {
			return err
		}
		for _, s := range list.Sessions {
			if r.full() {
				return nil // and the page is begun again the next time
			}
			if err := r.withSession(ctx, s, status, q.Before, act); err != nil {
				return err
			}
		}
		q.After = list.After
		if !list.More {
			q.After = IdlePlace{}
		}
		if !r.dry {
			r.e.retention.after[status] = q.After
		}
		if !list.More {
			return nil
		}
	}
	r.report.More = true
	return nil
}

// withSession holds a session's gate while act is at it, if it is still at
// rest: nobody runs its container, and none of its replies is on its way.
func (r *retaining) withSession(ctx context.Context, s Session, status SessionStatus, before time.Time, act func(context.Context, Session, time.Time) error) error {
	unlock, err := r.e.gates.lock(ctx, s.ID)
	if err != nil {
		return ctx.Err() // somebody is at it, so it is not idle
	}
	defer unlock()
	s, err = r.e.registry.Session(ctx, s.ID)
	if CodeOf(err) == CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if s.Status != status || s.ContainerStatus != ContainerStopped || r.e.life.claimOf(s.ID).held(r.e.now()) {
		return nil
	}
	unsettled, err := r.e.registry.Unsettled(ctx, Page{Limit: 1}, UnsettledFilter{SessionID: s.ID, Open: status == SessionActive})
	if err != nil || len(unsettled.Items) > 0 {
		return err
	}
	return act(ctx, s, before)
}

func (r *retaining) close(ctx context.Context, s Session, before time.Time) error {
	if s.LastActive != nil && !s.LastActive.Before(before) || s.CreatedAt.After(before) {
		return nil
	}
	step := RetentionStep{Action: RetentionClose, Session: s}
	quiet, sign, err := r.e.mailboxes.Quiet(ctx, s)
	if err != nil {
		return r.add(ctx, step, err)
	}
	if !quiet || !sign.Before(before) {
		return nil
	}
	if !r.dry {
		step.Session, err = r.e.closeSession(ctx, s)
	}
	return r.add(ctx, step, err)
}

func (r *retaining) archive(ctx context.Context, s Session, _ time.Time) error {
	step := RetentionStep{Action: RetentionArchive, Session: s, Archive: ArchivePath(s.ID)}
	if r.dry {
		return r.add(ctx, step, nil)
	}
	var err error
	step.Files, step.Bytes, err = r.e.archive(ctx, s)
	return r.add(ctx, step, err)
}

// archive makes an archive of a session whose gate is locked. Until the
// registry knows of it the folder is what counts, and the archive afterwards:
// a crash in between leaves both, never neither.
func (e *Engine) archive(ctx context.Context, s Session) (files int, bytes int64, err error) {
	if err := e.mailboxes.ContainerGone(ctx, s); err != nil {
		return 0, 0, err
	}
	if files, bytes, err = e.mailboxes.Archive(ctx, s); err != nil {
		return 0, 0, err
	}
	ctx = context.WithoutCancel(ctx) // what was begun is ended
	if err := e.registry.ArchiveSession(ctx, s.ID, e.now()); err != nil {
		return 0, 0, err
	}
	e.life.forget(s.ID)
	e.tracer.forget(s.ID)
	e.emit(Event{Type: EventSessionArchived, SessionID: s.ID})
	return files, bytes, e.removeArchivedFolder(ctx, ArchivedSession{SessionID: s.ID, AgentGroupID: s.AgentGroupID, ArchivedAt: e.now()})
}

func (e *Engine) removeArchivedFolder(ctx context.Context, a ArchivedSession) error {
	if err := e.mailboxes.RemoveFolder(ctx, a.AgentGroupID, a.SessionID); err != nil {
		return err
	}
	a.FolderLeft = false
	return e.registry.NoteArchiveFolder(ctx, a)
}

// removeArchivedFolders removes what a crash left of folders that are archives.
func (e *Engine) removeArchivedFolders(ctx context.Context) error {
	var errs []error
	for after := ""; ; {
		left, err := e.registry.ArchivedSessions(ctx, after, retainPage, true)
		if err != nil || len(left) == 0 {
			return errors.Join(append(errs, err)...)
		}
		for _, a := range left {
			after = a.SessionID
			errs = append(errs, e.removeLeftFolder(ctx, a.SessionID))
		}
	}
}

func (e *Engine) removeLeftFolder(ctx context.Context, sessionID string) error {
	unlock, err := e.gates.lock(ctx, sessionID)
	if err != nil {
		return err
	}
	defer unlock()
	a, err := e.registry.ArchivedSession(ctx, sessionID) // it may be restored by now
	if err != nil || !a.FolderLeft {
		if CodeOf(err) == CodeNotFound {
			err = nil
		}
		return err
	}
	return e.removeArchivedFolder(ctx, a)
}

func (r *retaining) prune(ctx context.Context, before time.Time) error {
	limit := min(retainLooks, r.steps+retainPage)
	list, err := r.e.registry.SessionsWithFiles(ctx, before, limit)
	if err != nil {
		return err
	}
	r.report.More = r.report.More || len(list) == limit
	for _, s := range list {
		if r.full() {
			return nil
		}
		p, err := r.e.mailboxes.PruneFiles(ctx, s, before, r.dry)
		step := RetentionStep{Action: RetentionPrune, Session: s, Files: p.Files, Bytes: p.Bytes}
		if err != nil || p.Files > 0 {
			if err := r.add(ctx, step, err); err != nil {
				return err
			}
		}
		r.report.More = r.report.More || p.More
		if r.dry || err == nil && p.More {
			continue
		}
		next := p.Next
		switch {
		case err != nil:
			next = new(before.Add(filesAgain))
		case next != nil && !next.After(before): // it waits for something else
			next = new(before.Add(filesAgain))
		case next == nil && s.LastActive != nil && !s.LastActive.Before(before):
			next = s.LastActive // what was written meanwhile
		}
		if err := r.e.registry.SetFilesAt(ctx, s.ID, next); err != nil {
			return err
		}
	}
	return nil
}

// forget is told that a session is in no list any more.
func (l *lifecycle) forget(sessionID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.tasks[sessionID]; t != nil {
		delete(l.tasks, sessionID)
		if t.index >= 0 {
			heap.Remove(&l.queue, t.index)
		}
	}
}
