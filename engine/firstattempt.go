package engine

import "context"

// FirstAttempt is an attempt at a reply that is recorded with its noting, so
// that it need not wait for a commit of its own.
type FirstAttempt struct {
	ReplyID string
	// Begin records it in the dispatch.
	Begin func(*Dispatch)
	// Begun is set by NoteReplies: not where others of its way come first.
	Begun bool
	// Alone is set too: nothing else of the session is on its way.
	Alone bool

	webhook Webhook
	parcel  Parcel
}

// firstAttempt finds the reply that can go out as soon as replies are noted,
// nil if there is none: one that is due, for a webhook, and for no hook. The
// rest is for deliver.
func (e *Engine) firstAttempt(ctx context.Context, s Session, p Projection, n NewReplies) (*FirstAttempt, error) {
	webhooks, err := e.webhooksByType(ctx)
	if err != nil || len(webhooks) == 0 {
		return nil, err
	}
	now := e.now()
	var first *Outgoing
	for i := range n.Replies {
		if out := &n.Replies[i]; out.Seq != nil && (first == nil || *out.Seq < *first.Seq) {
			first = out
		}
	}
	if first == nil || first.Dispatch.State != DispatchPending || first.Dispatch.Seal == nil || first.Dispatch.DueAt != nil && first.Dispatch.DueAt.After(now) {
		return nil, nil
	}
	reply := first.Reply
	reply.Route, _ = resolveRoute(s, p, reply)
	w, found := webhooks[text(reply.Route.ChannelType)]
	if way := first.Dispatch.Way; !found || way == waySystem || way == wayAgent {
		return nil, nil
	}
	files, err := e.parcelFiles(ctx, s, reply)
	if err != nil {
		return nil, err
	}
	return &FirstAttempt{ReplyID: first.ID, webhook: w,
		Begin:  func(d *Dispatch) { begin(d, e.instance, now.Add(sendLease)) },
		parcel: Parcel{DeliveryID: deliveryID(s.ID, first.ID), Attempt: 1, Reply: reply, Files: files}}, nil
}

// make makes it. more says that there may be something else to deliver.
func (f *FirstAttempt) make(ctx context.Context, e *Engine, s Session) (more bool) {
	delivered, err := e.send(ctx, s, f.webhook, f.parcel)
	if err != nil && ctx.Err() == nil {
		e.log.Warn("deliver a reply; will try again", "session", s.ID, "error", err)
		e.deliverer.unfinish(s.ID, 0)
		e.deliverer.lookAgain(s.ID, e.now().Add(noticeRetry))
	}
	return !delivered || !f.Alone
}
