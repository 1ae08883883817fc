package engine

import (
	"context"
	"errors"
	"slices"
	"time"
)

// verdict is what may become of a reply: it has a State where that is settled.
type verdict struct {
	state  DispatchState
	reason string
	// later: it cannot be said now.
	later bool
}

// judge decides whether a reply may go out, now and every time anew, and makes
// of out what goes: its route and what hooks made of its content. What hooks
// decide is stored; they are asked once.
func (e *Engine) judge(ctx context.Context, s Session, p Projection, out *Outgoing) (verdict, error) {
	route, problem := resolveRoute(s, p, out.Reply)
	if problem != "" {
		return verdict{state: DispatchFailed, reason: problem}, nil
	}
	if !e.sealed(s, *out) {
		out.Dispatch.Content = nil
		target := hookTarget(s, out.Kind, route)
		if e.hooks != nil && e.hooks.Applies(HookOnReply, target) {
			if v := e.runReplyHooks(ctx, s, target, route, out); v != (verdict{}) {
				return v, nil
			}
		}
		seal, content := e.seal(s, out.Reply, out.Dispatch.Content), out.Dispatch.Content
		err := e.mailboxes.Dispatch(ctx, s, []string{out.ID}, func(_ string, d *Dispatch) error {
			d.Seal, d.Content = seal, content
			return nil
		})
		if err != nil {
			return verdict{}, err
		}
	}
	out.Route = route
	if out.Dispatch.Content != nil {
		out.Content = *out.Dispatch.Content
	}
	return verdict{}, nil
}

// runReplyHooks sets the dispatch's content where a hook replaced it.
func (e *Engine) runReplyHooks(ctx context.Context, s Session, t HookTarget, route Route, out *Outgoing) verdict {
	value, isJSON, err := readJSON(out.Content)
	if err != nil {
		return verdict{state: DispatchFailed, reason: "it cannot be shown to hooks: " + publicReason(err)}
	}
	switch value.(type) {
	case map[string]any, []any:
	default:
		isJSON = false
	}
	content := Content{Text: out.Content}
	if isJSON {
		content.value = value
		if content.Text, err = encodeJSON(value); err != nil {
			return verdict{state: DispatchFailed, reason: "its content cannot be shown to hooks"}
		}
	}
	at := e.now()
	if out.Timestamp != nil {
		at = *out.Timestamp
	}
	shown := &Draft{ID: out.ID, Kind: out.Kind, Timestamp: at, Content: content, Route: route}
	u := &contentSubject{point: HookOnReply, session: s.shownToHooks(), draft: shown, limit: e.limits.ContentBytes}
	if err := u.show(nil); err != nil {
		return verdict{state: DispatchFailed, reason: "its content cannot be shown to hooks"}
	}
	u.trace = e.tracer.begin(&s, DirectionOut, out.ID, e.now())
	action, err := e.hooks.Run(ctx, HookCall{HookOnReply, t, u, u.trace, e.hooksUntil()})
	e.tracer.judged(&u.trace, out.Reply)
	switch {
	case CodeOf(err) == CodeHookRejected:
		return verdict{state: DispatchFailed, reason: "a hook refused it: " + publicReason(err)}
	case err != nil:
		return verdict{later: true, reason: publicReason(err)}
	case action == HookDropped:
		return verdict{state: DispatchDropped, reason: "a hook dropped it"}
	}
	if u.replaced {
		out.Dispatch.Content = &shown.Content.Text
	}
	return verdict{}
}

// publicReason is what may be told of an error to whoever reads lastError.
func publicReason(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return "the engine failed; its log says how"
}

// settle stores that a reply is delivered, failed or dropped, and tells. What
// was cancelled stays so, unless it was delivered.
func (e *Engine) settle(ctx context.Context, s Session, replyID string, v verdict, platformMessageID *string) error {
	err := e.mailboxes.Dispatch(ctx, s, []string{replyID}, func(_ string, d *Dispatch) error {
		if d.State == DispatchDelivered {
			v = verdict{state: DispatchDelivered} // what is delivered is delivered
			return nil
		}
		if d.State == DispatchCancelled && v.state != DispatchDelivered {
			v = verdict{state: DispatchCancelled, reason: text(d.LastError)}
			return nil
		}
		now := e.now()
		d.State, d.SettledAt, d.PlatformMessageID, d.LastError = v.state, &now, platformMessageID, nil
		if v.state != DispatchDelivered {
			d.LastError = &v.reason
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.settled(ctx, s, replyID, v)
}

func (e *Engine) settled(ctx context.Context, s Session, replyID string, v verdict) error {
	if v.state == DispatchFailed {
		err := e.registry.SetUnsettled(ctx, []Unsettled{{SessionID: s.ID, ReplyID: replyID, Failed: true, Due: e.now()}})
		e.emit(Event{Type: EventReplyFailed, SessionID: s.ID, ReplyID: replyID})
		e.tellFailed(ctx, s, replyID, v.reason)
		return err
	}
	if v.state == DispatchCancelled { // its files stay, for RetryReply
		e.emit(Event{Type: EventReplyUpdated, SessionID: s.ID, ReplyID: replyID})
		e.tellFailed(ctx, s, replyID, v.reason)
		return e.registry.RemoveUnsettled(ctx, s.ID, replyID)
	}
	what := EventReplyDelivered
	if v.state != DispatchDelivered {
		what = EventReplyUpdated
	}
	e.emit(Event{Type: what, SessionID: s.ID, ReplyID: replyID})
	// It never fails a delivery (lesson 21).
	if err := e.mailboxes.RemoveOutbox(ctx, s, replyID); err != nil {
		e.log.Warn("remove the files of a reply that is settled", "session", s.ID, "reply", replyID, "error", err)
	}
	return e.registry.RemoveUnsettled(ctx, s.ID, replyID)
}

// finish does the rest of what a crash, or a failure, came in between: it goes
// through the replies of a session that the index names, and that are settled.
func (e *Engine) finish(ctx context.Context, s Session) error {
	open, err := e.mailboxes.OpenDispatches(ctx, s)
	if err != nil {
		return err
	}
	p, f := Page{Limit: MaxPage}, UnsettledFilter{SessionID: s.ID, Open: true}
	for {
		l, err := e.registry.Unsettled(ctx, p, f)
		if err != nil {
			return err
		}
		for _, u := range l.Items {
			if slices.ContainsFunc(open, func(out Outgoing) bool { return out.ID == u.ReplyID }) {
				continue
			}
			out, err := e.mailboxes.Outgoing(ctx, s, u.ReplyID)
			switch {
			case err == nil && out.Dispatch.State.Settled():
				err = e.settled(ctx, s, u.ReplyID, verdict{state: out.Dispatch.State, reason: text(out.Dispatch.LastError)})
			case err == nil || CodeOf(err) == CodeNotFound:
				_, _, err = e.outgoing(ctx, s, u.ReplyID)
			}
			if err != nil {
				return err
			}
		}
		if !l.HasNext {
			return nil
		}
		p.Cursor = l.Cursors[len(l.Cursors)-1]
	}
}

// tellFailed tells the agent that its reply did not arrive (lesson 25). It
// wakes nobody: an agent whose answer failed too would never come to rest.
func (e *Engine) tellFailed(ctx context.Context, s Session, replyID, reason string) {
	id := "failed-" + deliveryID(s.ID, replyID+"\x00"+reason)
	none := Some[*string](nil)
	var r WriteResult
	e.write(ctx, s.ID, []WriteMessageInput{{SessionID: s.ID, MessageID: &id, Kind: "system", PlatformID: none, ChannelType: none, ThreadID: none,
		Content: map[string]any{"type": "delivery_failed", "replyId": replyID, "reason": reason}}}, []*WriteResult{&r}, false)
	if r.Err != nil && CodeOf(r.Err) != CodeSessionClosed {
		e.log.Warn("tell an agent that its reply failed", "session", s.ID, "reply", replyID, "error", r.Err)
	}
}

// Parcel is a reply as it is sent.
type Parcel struct {
	// DeliveryID is the same for each attempt, so that a repeat can be dropped.
	DeliveryID string
	// Attempt is 1 for the first.
	Attempt int
	// PossibleRepeat: an earlier attempt may have arrived.
	PossibleRepeat bool
	Reply          Reply
	Files          []ParcelFile
}

// ParcelFile is a file that a reply brings. Exactly one of Data and URL is set.
type ParcelFile struct {
	Name     string
	Size     int64 // in bytes
	MimeType *string
	Data     []byte
	// URL is signed, and expires.
	URL string
}

// Receipt is proof of a delivery, which only a send can produce.
type Receipt struct{ PlatformMessageID *string }

// SendError is a delivery that failed.
type SendError struct {
	// Reason is shown to operators.
	Reason string
	// Permanent: to try again is in vain.
	Permanent bool
	// Uncertain: it may have arrived all the same.
	Uncertain bool
	// RetryAfter is what the receiver asked for; 0 is nothing.
	RetryAfter time.Duration
}

func (e *SendError) Error() string { return e.Reason }

// Sender pushes replies to webhooks. It keeps to its own deadline for each.
// Its methods may be called concurrently.
type Sender interface {
	// Check refuses a URL that Send never could send to: CodeInvalidInput.
	Check(url string) error
	// Send fails with a *SendError.
	Send(ctx context.Context, w Webhook, p Parcel) (Receipt, error)
}
