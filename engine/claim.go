package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// ClaimRepliesInput asks for replies to send. Zero fields select all.
type ClaimRepliesInput struct {
	ChannelTypes []string
	SessionID    *string
	Max          int
	LeaseSeconds int
}

const (
	maxClaim = 100
	maxLease = time.Hour
)

// ClaimReplies gives out due replies to who sends them, those of a session in
// order, each for a while in which nobody else is given it or one behind it.
// MarkDelivered ends that. A channel type with a webhook is not for claiming.
func (e *Engine) ClaimReplies(ctx context.Context, in ClaimRepliesInput) ([]Reply, error) {
	done, err := e.begin()
	if err != nil {
		return nil, err
	}
	defer done()
	lease := time.Duration(in.LeaseSeconds) * time.Second
	switch {
	case in.Max < 1 || in.Max > maxClaim:
		return nil, InvalidField("max", "max is 1 to %d, not %d", maxClaim, in.Max)
	case in.LeaseSeconds < 1 || lease > maxLease:
		return nil, InvalidField("leaseSeconds", "leaseSeconds is 1 to %d, not %d", maxLease/time.Second, in.LeaseSeconds)
	case len(in.ChannelTypes) > maxClaim:
		return nil, InvalidField("channelTypes", "more than %d channel types", maxClaim)
	}
	f := UnsettledFilter{Open: true}
	for _, t := range in.ChannelTypes {
		f.Ways = append(f.Ways, wayChat+t)
	}
	if in.SessionID != nil {
		if _, err := e.registry.Session(ctx, *in.SessionID); err != nil {
			return nil, withField(err, "sessionId")
		}
		f.SessionID = *in.SessionID
	}
	webhooks, err := e.webhooksByType(ctx)
	if err != nil {
		return nil, err
	}
	c := claim{e: e, left: in.Max, lease: lease, webhooks: webhooks, types: in.ChannelTypes, seen: map[string]bool{}}
	err = c.run(ctx, f)
	if len(c.replies) > 0 {
		err = nil // what was taken is the caller's now
	}
	return c.replies, err
}

// claim is one call of ClaimReplies.
type claim struct {
	e        *Engine
	left     int
	lease    time.Duration
	first    time.Time // when the first one was taken
	webhooks map[string]Webhook
	types    []string
	seen     map[string]bool // sessions
	replies  []Reply
}

func (c *claim) run(ctx context.Context, f UnsettledFilter) error {
	p := Page{Limit: MaxPage}
	for !c.over() {
		l, err := c.e.registry.Unsettled(ctx, p, f)
		if err != nil {
			return err
		}
		for _, u := range l.Items {
			if c.over() || c.seen[u.SessionID] {
				continue
			}
			c.seen[u.SessionID] = true
			// What is wrong with one session's folder is not the others' trouble.
			if err := c.session(ctx, u.SessionID); err != nil {
				if ctx.Err() != nil {
					return err
				}
				c.e.log.Warn("claim replies", "session", u.SessionID, "error", err)
			}
		}
		if !l.HasNext {
			return nil
		}
		p.Cursor = l.Cursors[len(l.Cursors)-1]
	}
	return nil
}

// over tells whether the caller is to be answered: it has all that it wants, or
// half of the first lease is gone. Hooks, and folders whose container holds a
// lock, take their time.
func (c *claim) over() bool {
	return c.left == 0 || len(c.replies) > 0 && c.e.now().Sub(c.first) > c.lease/2
}

func (c *claim) session(ctx context.Context, sessionID string) error {
	s, err := c.e.registry.Session(ctx, sessionID)
	if err != nil {
		return err
	}
	p, err := c.e.projection(ctx, s)
	if err != nil {
		return err
	}
	taken := map[string]bool{}
	for !c.over() {
		open, err := c.e.mailboxes.OpenDispatches(ctx, s)
		if err != nil {
			return err
		}
		// What this call took holds up nothing: it goes to one sender. Nor does
		// what nobody is to be given.
		open = slices.DeleteFunc(open, func(out Outgoing) bool { return taken[out.ID] })
		id, _ := c.e.pick(c.e.now(), open, c.wants)
		if id == "" {
			return nil
		}
		taken[id] = true
		if held, err := c.take(ctx, s, p, id); err != nil || held {
			return err
		}
	}
	return nil
}

func (c *claim) wants(out Outgoing) bool {
	t, ok := strings.CutPrefix(out.Dispatch.Way, wayChat)
	if _, pushed := c.webhooks[t]; !ok || pushed {
		return false
	}
	return len(c.types) == 0 || slices.Contains(c.types, t)
}

// take claims one reply, unless it may not go out. held: somebody was quicker,
// or it has to wait, and so have those behind it.
func (c *claim) take(ctx context.Context, s Session, p Projection, id string) (held bool, err error) {
	out, open, err := c.e.outgoing(ctx, s, id)
	if err != nil || !open {
		return false, err
	}
	v, err := c.e.judge(ctx, s, p, &out)
	if err != nil {
		return false, err
	}
	if v != (verdict{}) {
		c.e.deliverer.wake(s.ID) // whose business that is
		return v.later, nil
	}
	way := wayOf(out.Kind, out.Route)
	if out.Dispatch.Way = way; !c.wants(out) {
		return false, nil // the container wrote another way than the engine found
	}
	began := c.e.now()
	err = c.e.mailboxes.Dispatch(ctx, s, []string{id}, func(_ string, d *Dispatch) error {
		now := c.e.now()
		if d.State.Settled() || d.State.Held() || d.leased(now, c.e.instance) {
			return errTaken
		}
		begin(d, claimOwner, now.Add(c.lease))
		out.Delivery = Delivery{Status: DeliveryPending, Attempts: d.Attempts, LastError: d.LastError}
		return nil
	})
	if errors.Is(err, errTaken) {
		return true, nil
	}
	if err == nil {
		if len(c.replies) == 0 {
			c.first = began
		}
		c.replies = append(c.replies, out.Reply)
		c.left--
	}
	return false, err
}
