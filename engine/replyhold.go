package engine

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// PauseReply holds back a reply until ResumeReply, and with it those behind it
// on its way: the order is kept. An attempt that is under way goes on, and is
// the last if it does not deliver the reply. One that is claimed, or settled,
// is CodeConflict.
func (e *Engine) PauseReply(ctx context.Context, sessionID, replyID string) (Reply, error) {
	return e.pauseReply(ctx, sessionID, replyID, nil)
}

func (e *Engine) pauseReply(ctx context.Context, sessionID, replyID string, mark *OperationMark) (Reply, error) {
	return e.actOnReply(ctx, sessionID, replyID, func(ctx context.Context, s Session, r Reply) error {
		return e.hold(ctx, s, r, mark, func(d *Dispatch) error { return d.pause(r.ID, e.now(), e.instance) })
	})
}

// ResumeReply lets a paused reply go out again: at once, unless it waits for
// its own time. One that is settled is CodeConflict.
func (e *Engine) ResumeReply(ctx context.Context, sessionID, replyID string) (Reply, error) {
	return e.resumeReply(ctx, sessionID, replyID, nil)
}

func (e *Engine) resumeReply(ctx context.Context, sessionID, replyID string, mark *OperationMark) (Reply, error) {
	return e.actOnReply(ctx, sessionID, replyID, func(ctx context.Context, s Session, r Reply) error {
		return e.hold(ctx, s, r, mark, func(d *Dispatch) error { return d.resume(r.ID) })
	})
}

// CancelReply calls off a reply that waits or is paused, and tells its agent.
// It is not delivered, unless RetryReply says so; what is behind it goes out.
// One at which an attempt is under way or ended without an outcome, that is
// claimed, or settled, is CodeConflict.
func (e *Engine) CancelReply(ctx context.Context, sessionID, replyID string) (Reply, error) {
	return e.cancelReply(ctx, sessionID, replyID, nil)
}

func (e *Engine) cancelReply(ctx context.Context, sessionID, replyID string, mark *OperationMark) (Reply, error) {
	return e.actOnReply(ctx, sessionID, replyID, func(ctx context.Context, s Session, r Reply) error {
		return e.hold(ctx, s, r, mark, func(d *Dispatch) error { return d.cancel(r.ID, e.now(), e.instance) })
	})
}

// DiscardReply calls off a reply that failed, so that nobody is to look at it
// any more. Its agent knows. Another one is CodeConflict.
func (e *Engine) DiscardReply(ctx context.Context, sessionID, replyID string) (Reply, error) {
	return e.discardReply(ctx, sessionID, replyID, nil)
}

func (e *Engine) discardReply(ctx context.Context, sessionID, replyID string, mark *OperationMark) (Reply, error) {
	return e.actOnReply(ctx, sessionID, replyID, func(ctx context.Context, s Session, r Reply) error {
		if err := e.mailboxes.DispatchMarked(ctx, s, r.ID, mark, func(d *Dispatch) error { return d.discard(r.ID) }); err != nil {
			return err
		}
		// Also when it was done before: a crash may have come in between.
		e.emit(Event{Type: EventReplyUpdated, SessionID: s.ID, ReplyID: r.ID})
		return e.registry.RemoveUnsettled(ctx, s.ID, r.ID)
	})
}

// errNotNoted: the deliverer does not know of a reply yet.
var errNotNoted = errors.New("the reply is not noted")

// hold changes where a reply stands, and tells if that is another place than
// before. A mark that is not nil is kept with it; where it is there already,
// nothing is changed.
func (e *Engine) hold(ctx context.Context, s Session, r Reply, mark *OperationMark, change func(*Dispatch) error) error {
	p, err := e.projection(ctx, s)
	if err != nil {
		return err
	}
	route, _ := resolveRoute(s, p, r)
	if way := wayOf(r.Kind, route); way == waySystem || way == wayAgent {
		unlock, err := e.inside.lock(ctx, s.ID)
		if err != nil {
			return err
		}
		defer unlock()
	}
	var before, after Dispatch
	dispatch := func() error {
		return e.mailboxes.DispatchMarked(ctx, s, r.ID, mark, func(d *Dispatch) error {
			if d.State == "" {
				return errNotNoted
			}
			before = *d
			err := change(d)
			after = *d
			return err
		})
	}
	err = dispatch()
	if errors.Is(err, errNotNoted) {
		if err = e.notice(ctx, s); err == nil {
			err = dispatch()
		}
	}
	switch {
	case errors.Is(err, errNotNoted): // the container took away what the engine had noted
		return replyConflict("reply %s is not on its way any more; retryReply has it delivered", clip(r.ID))
	case err != nil || before.State == after.State:
		return err
	case after.State != DispatchCancelled:
		e.emit(Event{Type: EventReplyUpdated, SessionID: s.ID, ReplyID: r.ID})
		return nil
	}
	if err := e.settled(ctx, s, r.ID, verdict{state: DispatchCancelled, reason: text(after.LastError)}); err != nil {
		e.deliverer.unfinish(s.ID, 0) // it is cancelled: the rest is done by the next pass
		e.deliverer.lookAgain(s.ID, e.now().Add(noticeRetry))
		e.log.Warn("after a reply was cancelled; will try again", "session", s.ID, "reply", r.ID, "error", err)
	}
	return nil
}

func (d *Dispatch) pause(id string, now time.Time, instance string) error {
	switch {
	case d.State.Settled():
		return replyConflict("reply %s cannot be paused: it is %s", clip(id), d.State)
	case d.State.Held():
		return nil
	case d.leased(now, instance) && d.LeaseOwner == claimOwner:
		return claimedConflict(id, *d.LeaseUntil)
	case d.leased(now, instance):
		d.State = DispatchPausing
		return nil
	}
	if d.Uncertain = d.Uncertain || d.State.begun(); d.Attempts > 0 {
		d.DueAt = nil // a back-off is over when it is resumed
	}
	d.State, d.LeaseUntil, d.LeaseOwner = DispatchPaused, nil, ""
	return nil
}

func (d *Dispatch) resume(id string) error {
	switch d.State {
	case DispatchPaused:
		d.State = DispatchPending
	case DispatchPausing:
		d.State = DispatchTrying
	case DispatchPending, DispatchTrying:
	default:
		return replyConflict("reply %s cannot be resumed: it is %s", clip(id), d.State)
	}
	return nil
}

func (d *Dispatch) cancel(id string, now time.Time, instance string) error {
	switch {
	case d.State == DispatchCancelled:
		return nil
	case d.State.Settled():
		return replyConflict("reply %s cannot be cancelled: it is %s", clip(id), d.State)
	case d.leased(now, instance) && d.LeaseOwner == claimOwner:
		return claimedConflict(id, *d.LeaseUntil)
	case d.leased(now, instance):
		return replyConflict("reply %s is being sent, until %s at the latest: pause it, which counts from after that attempt, and cancel it then",
			clip(id), d.LeaseUntil.UTC().Format(time.RFC3339))
	case d.State == DispatchTrying:
		return replyConflict("nobody knows whether reply %s arrived: say with markDelivered what became of it, or pause it, so that it is not sent again, and cancel it then", clip(id))
	}
	reason := "it was cancelled"
	if d.Uncertain || d.State == DispatchPausing {
		reason = "it was cancelled; an attempt before that may have arrived"
	}
	d.State, d.SettledAt, d.LastError = DispatchCancelled, &now, &reason
	return nil
}

func (d *Dispatch) discard(id string) error {
	switch d.State {
	case DispatchCancelled:
		return nil
	case DispatchFailed:
		reason := "it was discarded after it had failed"
		if why := text(d.LastError); why != "" {
			reason += ": " + why
		}
		d.State, d.LastError = DispatchCancelled, &reason
		return nil
	}
	return replyConflict("reply %s cannot be discarded: it has not failed, it is %s", clip(id), cmp.Or(string(d.State), "not noted yet"))
}

func replyConflict(format string, args ...any) error {
	return Errorf(CodeConflict, format, args...).In("replyId")
}

func claimedConflict(id string, until time.Time) error {
	return replyConflict("reply %s is claimed, until %s: whoever claimed it may be sending it; say with markDelivered what became of it, or wait until then",
		clip(id), until.UTC().Format(time.RFC3339))
}
