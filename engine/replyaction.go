package engine

import (
	"context"
	"slices"
)

// MarkDeliveredInput is what an outside deliverer did with a reply.
type MarkDeliveredInput struct {
	SessionID, ReplyID string
	// Failed: it could not be delivered, and is not to be tried again by itself.
	Failed            bool
	PlatformMessageID *string
	// Error is why it failed.
	Error *string
}

const maxErrorBytes = 4096

// MarkDelivered settles a reply, claimed or not. What was delivered stays so:
// to say it again changes nothing, and that it failed is CodeConflict.
func (e *Engine) MarkDelivered(ctx context.Context, in MarkDeliveredInput) (Reply, error) {
	err := first(checkOptionalText("platformMessageId", in.PlatformMessageID, maxPlatformIDBytes), checkOptionalText("error", in.Error, maxErrorBytes))
	if err == nil && in.Error != nil && !in.Failed {
		err = InvalidField("error", "an error belongs to the outcome FAILED")
	}
	if err != nil {
		return Reply{}, err
	}
	return e.actOnReply(ctx, in.SessionID, in.ReplyID, func(ctx context.Context, s Session, r Reply) error {
		if r.Delivery.Status == DeliveryDelivered {
			if in.Failed {
				return Errorf(CodeConflict, "reply %s was delivered", clip(r.ID)).In("outcome")
			}
			return nil
		}
		if r.Delivery.Status == DeliveryCancelled && in.Failed {
			return nil
		}
		v := verdict{state: DispatchDelivered}
		if in.Failed {
			v = verdict{state: DispatchFailed, reason: "its deliverer gave no reason"}
			if in.Error != nil {
				v.reason = *in.Error
			}
		}
		return e.settle(ctx, s, r.ID, v, in.PlatformMessageID)
	})
}

// RetryReply has a reply delivered at once that failed, was dropped or
// cancelled, is paused, or waits for its next attempt. One that was delivered, or is being sent, is CodeConflict.
func (e *Engine) RetryReply(ctx context.Context, sessionID, replyID string) (Reply, error) {
	return e.actOnReply(ctx, sessionID, replyID, func(ctx context.Context, s Session, r Reply) error {
		p, err := e.projection(ctx, s)
		if err != nil {
			return err
		}
		route, _ := resolveRoute(s, p, r)
		way := wayOf(r.Kind, route)
		if err := e.registry.SetUnsettled(ctx, []Unsettled{{SessionID: s.ID, ReplyID: r.ID, Way: way, Due: e.now()}}); err != nil {
			return err
		}
		err = e.mailboxes.Dispatch(ctx, s, []string{r.ID}, func(_ string, d *Dispatch) error {
			switch {
			case d.State == DispatchDelivered:
				return Errorf(CodeConflict, "reply %s was delivered", clip(r.ID)).In("replyId")
			case d.leased(e.now(), e.instance):
				return Errorf(CodeConflict, "reply %s is being sent", clip(r.ID)).In("replyId")
			}
			d.Uncertain = d.Uncertain || d.State.begun()
			*d = Dispatch{State: DispatchPending, Way: way, Attempts: d.Attempts, Uncertain: d.Uncertain, LastError: d.LastError}
			return nil
		})
		if err == nil {
			e.emit(Event{Type: EventReplyUpdated, SessionID: s.ID, ReplyID: r.ID})
		}
		return err
	})
}

// actOnReply does something to a reply, has the session delivered for, and
// returns the reply as it is then.
func (e *Engine) actOnReply(ctx context.Context, sessionID, replyID string, act func(context.Context, Session, Reply) error) (Reply, error) {
	done, err := e.begin()
	if err != nil {
		return Reply{}, err
	}
	defer done()
	s, err := e.registry.Session(ctx, sessionID)
	if err != nil {
		return Reply{}, withField(err, "sessionId")
	}
	r, err := e.mailboxes.Reply(ctx, s, replyID)
	if err != nil {
		return Reply{}, withField(err, "replyId")
	}
	if err := act(ctx, s, r); err != nil {
		return Reply{}, err
	}
	e.deliverer.wake(s.ID)
	return e.mailboxes.Reply(ctx, s, replyID)
}

// UnsettledRepliesFilter selects replies that are not delivered; zero fields
// select all.
type UnsettledRepliesFilter struct {
	Status      []DeliveryStatus
	ChannelType string
}

// UnsettledReplies lists, over all sessions and oldest first, replies that are
// not settled, and those that failed.
func (e *Engine) UnsettledReplies(ctx context.Context, p Page, f UnsettledRepliesFilter) (List[Reply], error) {
	if err := p.check(); err != nil {
		return List[Reply]{}, err
	}
	var index UnsettledFilter
	if f.ChannelType != "" {
		index.Ways = []string{wayChat + f.ChannelType}
		if f.ChannelType == wayAgent {
			index.Ways = []string{wayAgent}
		}
	}
	if len(f.Status) > 0 {
		index.Failed = !slices.ContainsFunc(f.Status, func(s DeliveryStatus) bool { return s != DeliveryFailed })
		index.Open = !slices.Contains(f.Status, DeliveryFailed)
	}
	l := List[Reply]{HasPrevious: p.Cursor != ""}
	for size := int64(0); ; {
		found, err := e.registry.Unsettled(ctx, p, index)
		if err != nil {
			return List[Reply]{}, err
		}
		for i, u := range found.Items {
			r, err := e.unsettledReply(ctx, u)
			if err != nil {
				return List[Reply]{}, err
			}
			p.Cursor = found.Cursors[i]
			if r.Delivery.Status == DeliveryDelivered || r.Delivery.Status == DeliveryDropped || r.Delivery.Status == DeliveryCancelled || // meanwhile
				len(f.Status) > 0 && !slices.Contains(f.Status, r.Delivery.Status) {
				continue
			}
			l.Add(r, p.Cursor)
			if size += int64(len(r.Content)); len(l.Items) == p.Limit || size > e.limits.PageBytes {
				l.HasNext = found.HasNext || i < len(found.Items)-1
				return l, nil
			}
		}
		if !found.HasNext {
			return l, nil
		}
	}
}

// unsettledReply reads a reply that the index names. One whose folder cannot
// be read is listed all the same.
func (e *Engine) unsettledReply(ctx context.Context, u Unsettled) (Reply, error) {
	r, err := e.Reply(ctx, u.SessionID, u.ReplyID)
	if err == nil || ctx.Err() != nil {
		return r, err
	}
	problem := "it cannot be read: " + publicReason(err)
	r = Reply{SessionID: u.SessionID, ID: u.ReplyID, Problem: &problem, Delivery: Delivery{Status: DeliveryPending}}
	if u.Failed {
		r.Delivery.Status = DeliveryFailed
	}
	return r, nil
}
