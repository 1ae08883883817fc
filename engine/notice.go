package engine

import (
	"context"
	"slices"
	"time"
)

// Ways of replies. Those of one session and way are delivered in order, and
// one whose delivery is tried again holds back those behind it.
const (
	waySystem = "system"
	wayAgent  = "agent"
	wayChat   = "chat:" // a channel type follows, "" where there is none
)

// wayOf is the way of a reply that goes to a route.
func wayOf(kind string, r Route) string {
	switch {
	case kind == "system":
		return waySystem
	case text(r.ChannelType) == "agent":
		return wayAgent
	}
	return wayChat + text(r.ChannelType)
}

// notice notes a session's new replies, and has those delivered that can be.
// It is called when outbound.db may have changed.
func (e *Engine) notice(ctx context.Context, s Session) error {
	unlock, err := e.noticing.lock(ctx, s.ID)
	if err != nil {
		return err
	}
	defer unlock()
	for {
		n, err := e.mailboxes.NewReplies(ctx, s)
		if err != nil || n.Stirred {
			e.life.stirred(s.ID)
		}
		if err != nil || len(n.Replies) == 0 && !n.Mark.Moved {
			return err
		}
		if err := e.note(ctx, s, n); err != nil {
			return err
		}
		if !n.More {
			return nil
		}
	}
}

// note notes new replies, and has them delivered: the first of them at once.
func (e *Engine) note(ctx context.Context, s Session, n NewReplies) error {
	p, err := e.projection(ctx, s)
	if err != nil {
		return err
	}
	index := make([]Unsettled, len(n.Replies))
	for i := range n.Replies {
		e.prepare(s, p, &n.Replies[i])
		index[i] = Unsettled{SessionID: s.ID, ReplyID: n.Replies[i].ID, Way: n.Replies[i].Dispatch.Way, Failed: n.Replies[i].Dispatch.State == DispatchFailed, Due: e.now()}
		if due := n.Replies[i].Dispatch.DueAt; due != nil && due.After(index[i].Due) {
			index[i].Due = *due
		}
	}
	// Before they are noted: after a crash, the index says where to look.
	if len(index) > 0 {
		if err := e.registry.SetUnsettled(ctx, index); err != nil {
			return err
		}
	}
	var first *FirstAttempt
	if start := e.deliverer.reserve(s.ID); start != nil {
		defer func() { start(s, first) }()
		if first, err = e.firstAttempt(ctx, s, p, n); err != nil {
			return err
		}
	}
	noted, err := e.mailboxes.NoteReplies(ctx, s, n, first)
	if err != nil {
		first = nil
		return err
	}
	if len(noted) < len(n.Replies) {
		// The index names replies that may be settled.
		e.deliverer.unfinish(s.ID, 0)
		e.deliverer.wake(s.ID)
	}
	for _, out := range noted {
		e.emit(Event{Type: EventReplyWritten, SessionID: s.ID, ReplyID: out.ID})
		if out.Dispatch.State == DispatchFailed {
			e.tellFailed(ctx, s, out.ID, text(out.Dispatch.LastError))
		}
	}
	if len(noted) > 0 && (first == nil || !first.Begun) {
		e.deliverer.wake(s.ID)
	}
	return nil
}

// prepare gives a new reply its dispatch. What no hook is to see is ready.
func (e *Engine) prepare(s Session, p Projection, out *Outgoing) {
	d := &out.Dispatch
	route, problem := resolveRoute(s, p, out.Reply)
	d.Way, d.DueAt = wayOf(out.Kind, route), out.DeliverAfter
	switch {
	case d.State == DispatchFailed:
	case problem != "":
		d.State, d.LastError = DispatchFailed, &problem
	default:
		d.State = DispatchPending
		if e.hooks == nil || !e.hooks.Applies(HookOnReply, hookTarget(s, out.Kind, route)) {
			d.Seal = e.seal(s, out.Reply, nil)
		}
	}
}

// resolveRoute finds whom a reply is for: the session's own chat, where it
// says nothing, or one of the agent group's destinations (protocol: "Life of a
// reply"). problem says why it may go nowhere.
func resolveRoute(s Session, p Projection, r Reply) (route Route, problem string) {
	route = r.Route
	switch {
	case r.Kind == "system":
		return route, ""
	case route.ChannelType == nil && route.PlatformID == nil:
		own := p.Route
		if route.ThreadID != nil {
			own.ThreadID = route.ThreadID
		}
		return own, ""
	case text(route.ChannelType) == wayAgent:
		if !reaches(s, p, text(route.PlatformID)) {
			return route, "it is for agent group " + clip(text(route.PlatformID)) + ", which is no destination of its own"
		}
		return route, ""
	case same(route.ChannelType, p.Route.ChannelType) && same(route.PlatformID, p.Route.PlatformID):
		return route, ""
	}
	if slices.ContainsFunc(p.Destinations, func(d Destination) bool {
		g := d.MessagingGroup
		return g != nil && text(route.ChannelType) == g.ChannelType && text(route.PlatformID) == g.PlatformID
	}) {
		return route, ""
	}
	return route, "it is for " + clip(text(route.ChannelType)) + " " + clip(text(route.PlatformID)) +
		", which is neither the session's own chat nor a destination of its agent group"
}

func same(a, b *string) bool { return (a == nil) == (b == nil) && text(a) == text(b) }

func hookTarget(s Session, kind string, r Route) HookTarget {
	return HookTarget{AgentGroupID: s.AgentGroupID, ChannelType: text(r.ChannelType), Kind: kind}
}

// outboundChanged is what the folders call; see Outboxes. What cannot be looked
// at is looked at again.
func (e *Engine) outboundChanged(ctx context.Context, s Session) {
	done, err := e.begin()
	if err == nil {
		defer done()
		err = e.notice(ctx, s)
	}
	if err == nil {
		return
	}
	if ctx.Err() == nil {
		e.log.Warn("look for replies; will look again", "session", s.ID, "error", err)
	}
	e.deliverer.lookAgain(s.ID, e.now().Add(noticeRetry))
}

// noticeRetry is the pause after a session's replies could not be read.
const noticeRetry = 5 * time.Second
