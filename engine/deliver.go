package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	// claimOwner has the leases of claimReplies.
	claimOwner = "claim"
	// sendLease is longer than a Sender takes.
	sendLease = time.Minute
	// Attempts are further and further apart, until deliverTime is over.
	backoffFirst = 5 * time.Second
	backoffLast  = 15 * time.Minute
	deliverTries = 100 // of a quarter of an hour: about a day
	// retryAfterMost bounds what a receiver can ask for.
	retryAfterMost = time.Hour
)

// deliver makes of what is due what can be made of it now, in order, and
// returns when there will be more; zero is when somebody says so.
func (e *Engine) deliver(ctx context.Context, s Session) (next time.Time, err error) {
	p, err := e.projection(ctx, s)
	if err != nil {
		return next, err
	}
	tried := map[string]int{}
	for ctx.Err() == nil {
		// A webhook that is changed or disabled is so from the next reply on: it is
		// asked for after the time, so that nothing falls due between the two.
		now := e.now()
		open, err := e.mailboxes.OpenDispatches(ctx, s)
		if err != nil {
			return next, err
		}
		webhooks, err := e.webhooksByType(ctx)
		if err != nil {
			return next, err
		}
		var id string
		if id, next = e.pick(now, open, func(out Outgoing) bool {
			_, pushed := webhooks[chatType(out.Dispatch.Way)]
			return out.Dispatch.Way == waySystem || out.Dispatch.Way == wayAgent || strings.HasPrefix(out.Dispatch.Way, wayChat) && (pushed || out.Dispatch.Seal == nil)
		}); id == "" {
			return next, nil
		}
		// Once more, as it may have fallen due meanwhile. Beyond that, somebody
		// undoes what is stored of it: not as fast as we can.
		if tried[id]++; tried[id] > 2 {
			return e.now().Add(noticeRetry), nil
		}
		if err := e.deliverOne(ctx, s, p, id, webhooks); err != nil {
			return next, err
		}
	}
	return next, ctx.Err()
}

func chatType(way string) string {
	t, _ := strings.CutPrefix(way, wayChat)
	return t
}

// pick returns the first that is due and wanted, and holds up nobody's order;
// without one, when there may be one.
func (e *Engine) pick(now time.Time, open []Outgoing, wanted func(Outgoing) bool) (id string, next time.Time) {
	held := map[string]bool{}
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, out := range open {
		d := &out.Dispatch
		switch {
		case held[d.Way]:
		case d.leased(now, e.instance):
			held[d.Way] = true
			sooner(*d.LeaseUntil)
		case d.State.Held():
			held[d.Way] = d.DueAt == nil || !d.DueAt.After(now) // its place in the order is at its own time
		case d.State == DispatchPending && d.DueAt != nil && d.DueAt.After(now):
			sooner(*d.DueAt)
			held[d.Way] = d.Attempts > 0 // what was never tried only waits for its own time
		case wanted(out):
			return out.ID, time.Time{}
		}
	}
	return "", next
}

// deliverOne judges one reply, and pushes it if there is where to.
func (e *Engine) deliverOne(ctx context.Context, s Session, p Projection, id string, webhooks map[string]Webhook) error {
	out, open, err := e.outgoing(ctx, s, id)
	if err != nil || !open {
		return err
	}
	v, err := e.judge(ctx, s, p, &out)
	switch {
	case err != nil:
		return err
	case v.later:
		return e.putOff(ctx, s, id, &SendError{Reason: v.reason}, true)
	case v.state != "":
		return e.settle(ctx, s, id, v, nil)
	}
	if way := wayOf(out.Kind, out.Route); way == waySystem || way == wayAgent {
		return e.deliverInside(ctx, s, out, way)
	}
	w, found := webhooks[text(out.Route.ChannelType)]
	if !found {
		return nil // it is ready to be pulled
	}
	return e.push(ctx, s, out, w)
}

// deliverInside delivers a reply that stays in the engine. That is no attempt
// that is recorded: who pauses or cancels the reply waits until it is over.
func (e *Engine) deliverInside(ctx context.Context, s Session, out Outgoing, way string) error {
	unlock, err := e.inside.lock(ctx, s.ID)
	if err != nil {
		return err
	}
	defer unlock()
	if now, open, err := e.outgoing(ctx, s, out.ID); err != nil || !open || now.Dispatch.State.Held() {
		return err
	}
	if way == waySystem {
		return e.carryOut(ctx, s, out)
	}
	return e.sendToAgent(ctx, s, out)
}

// outgoing reads a reply, and settles one that cannot go out any more: then it
// is not open.
func (e *Engine) outgoing(ctx context.Context, s Session, id string) (out Outgoing, open bool, err error) {
	out, err = e.mailboxes.Outgoing(ctx, s, id)
	switch {
	case CodeOf(err) == CodeNotFound:
		return out, false, e.settle(ctx, s, id, verdict{state: DispatchFailed, reason: "its container removed it before it was delivered"}, nil)
	case err != nil:
		return out, false, err
	case out.Delivery.Status == DeliveryDelivered: // somebody else wrote it to the protocol's table
		return out, false, e.settle(ctx, s, id, verdict{state: DispatchDelivered}, nil)
	case out.Delivery.Status == DeliveryFailed:
		return out, false, e.settle(ctx, s, id, verdict{state: DispatchFailed, reason: "another program gave it up"}, nil)
	case out.Delivery.Status == DeliveryCancelled:
		return out, false, nil
	}
	return out, true, nil
}

var errTaken = errors.New("somebody else delivers it")

// push makes one attempt. It is recorded before it is made, so that after a
// crash its outcome is known to be unknown (lesson 20).
func (e *Engine) push(ctx context.Context, s Session, out Outgoing, w Webhook) error {
	parcel := Parcel{DeliveryID: deliveryID(s.ID, out.ID), Reply: out.Reply}
	var err error
	if parcel.Files, err = e.parcelFiles(ctx, s, out.Reply); err != nil {
		return err
	}
	err = e.mailboxes.Dispatch(ctx, s, []string{out.ID}, func(_ string, d *Dispatch) error {
		now := e.now()
		if d.State.Settled() || d.State.Held() || d.leased(now, e.instance) {
			return errTaken
		}
		begin(d, e.instance, now.Add(sendLease))
		parcel.Attempt, parcel.PossibleRepeat = d.Attempts, d.Uncertain
		return nil
	})
	if errors.Is(err, errTaken) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = e.send(ctx, s, w, parcel)
	return err
}

// send makes an attempt that is recorded, and stores what became of it.
func (e *Engine) send(ctx context.Context, s Session, w Webhook, parcel Parcel) (delivered bool, err error) {
	id := parcel.Reply.ID
	receipt, err := e.sender.Send(ctx, w, parcel)
	ctx = context.WithoutCancel(ctx) // what became of it is to be kept
	if err == nil {
		e.attempts.add(w.ChannelType, nil, false)
		return true, e.settle(ctx, s, id, verdict{state: DispatchDelivered}, receipt.PlatformMessageID)
	}
	failed, ok := errors.AsType[*SendError](err)
	if !ok {
		failed = &SendError{Reason: "the engine failed; its log says how", Uncertain: true}
		e.log.Error("send a reply", "session", s.ID, "reply", id, "error", err)
	}
	e.attempts.add(w.ChannelType, failed, failed.Permanent || parcel.Attempt >= deliverTries)
	return false, e.putOff(ctx, s, id, failed, false)
}

// begin records an attempt of owner's that ends before until. One whose
// outcome nobody stored may have arrived.
func begin(d *Dispatch, owner string, until time.Time) {
	d.Uncertain = d.Uncertain || d.State.begun()
	d.State, d.DueAt = DispatchTrying, nil
	d.LeaseOwner, d.LeaseUntil = owner, &until
	d.Attempts++
}

// putOff stores that an attempt failed, and fails the reply for good where
// there is no use in another one. counted says that the attempt was none yet.
func (e *Engine) putOff(ctx context.Context, s Session, id string, failed *SendError, counted bool) error {
	over := failed.Permanent
	err := e.mailboxes.Dispatch(ctx, s, []string{id}, func(_ string, d *Dispatch) error {
		if d.State.Settled() {
			over = false
			return nil
		}
		if counted {
			d.Attempts++
		}
		if over = over || d.Attempts >= deliverTries; over {
			return nil
		}
		d.LastError, d.LeaseUntil, d.LeaseOwner = &failed.Reason, nil, ""
		d.Uncertain = d.Uncertain || failed.Uncertain
		if d.State.Held() {
			d.State, d.DueAt = DispatchPaused, nil
			return nil
		}
		due := e.now().Add(max(backoff(d.Attempts), min(failed.RetryAfter, retryAfterMost)))
		d.State, d.DueAt = DispatchPending, &due
		return nil
	})
	if err != nil || !over {
		return err
	}
	return e.settle(ctx, s, id, verdict{state: DispatchFailed, reason: failed.Reason}, nil)
}

// backoff is the pause after so many attempts, spread by a quarter so that
// what failed together is not tried together.
func backoff(attempts int) time.Duration {
	d := backoffLast
	if n := max(attempts, 1) - 1; n < 8 {
		d = min(backoffFirst<<n, backoffLast)
	}
	return d - rand.N(d/4)
}
