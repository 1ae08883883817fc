package engine

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// operationStep is how many items are gone through before their outcomes
	// are stored, operationSessions of how many sessions at one time.
	operationStep     = 64
	operationSessions = 4
	// operationMessages are written to a session at one time.
	operationMessages = 16
	// operationTries is how often something is tried that is not available,
	// first after operationWait and then after twice as long each time.
	operationTries = 5
	operationWait  = 100 * time.Millisecond
	operationRetry = 5 * time.Second
	// tellOperation keeps one that goes on from filling the event log.
	tellOperation = time.Second
)

// operator carries out operations, some items of each in turn. What it does
// with an item is marked in the session's folder in the same transaction, so
// that it is done once, though its outcome is stored later.
type operator struct {
	e    *Engine
	wake chan struct{}
	told map[string]time.Time // the run goroutine's
}

func newOperator(e *Engine) *operator {
	return &operator{e: e, wake: make(chan struct{}, 1), told: map[string]time.Time{}}
}

func (o *operator) run(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		running, err := o.turn(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			o.e.log.Error("carry out operations; will try again", "error", err)
		}
		failing = err != nil
		switch {
		case failing:
			pause(ctx, operationRetry)
		case !running:
			select {
			case <-o.wake:
			case <-ctx.Done():
			}
		}
	}
}

// turn goes on with all operations that run.
func (o *operator) turn(ctx context.Context) (running bool, err error) {
	ops, err := o.e.registry.RunningOperations(ctx)
	if err != nil {
		return false, err
	}
	for _, op := range ops {
		if err := o.step(ctx, op); err != nil {
			return true, err
		}
	}
	if err := o.settleCancelled(ctx); err != nil {
		return len(ops) > 0, err
	}
	if len(ops) > 0 {
		return true, nil
	}
	for more := true; more && err == nil; {
		more, err = o.e.registry.PruneOperations(ctx, keepOperations)
	}
	return false, err
}

// step goes through some items of an operation.
func (o *operator) step(ctx context.Context, op Operation) error {
	l, err := o.e.registry.OperationItems(ctx, op.ID, Page{Limit: operationStep}, OutcomePending)
	if err != nil {
		return err
	}
	places := make(chan struct{}, operationSessions)
	var sessions sync.WaitGroup
	for items := l.Items; len(items) > 0; {
		some := leading(items, func(a, b OperationItem) bool { return a.SessionID == b.SessionID })
		items = items[len(some):]
		places <- struct{}{}
		sessions.Go(func() {
			defer func() { <-places }()
			o.session(ctx, op, some)
		})
	}
	sessions.Wait()
	settled := slices.DeleteFunc(l.Items, func(item OperationItem) bool { return item.Outcome == OutcomePending })
	// Also while the engine ends: it spares the next one a look at each.
	after, err := o.e.registry.SettleOperation(context.WithoutCancel(ctx), op.ID, settled, o.e.now())
	if err != nil {
		return err
	}
	o.tell(op, after)
	return ctx.Err()
}

// settleCancelled stores what was done of operations that were cancelled, as
// the sessions' folders say: the engine may have been killed before it did.
func (o *operator) settleCancelled(ctx context.Context) error {
	ops, err := o.e.registry.UnsettledOperations(ctx)
	if err != nil {
		return err
	}
	for _, op := range ops {
		// Those that were gone through last, if any, are the first.
		l, err := o.e.registry.OperationItems(ctx, op.ID, Page{Limit: operationStep}, OutcomePending)
		if err != nil {
			return err
		}
		var done []OperationItem
		for _, item := range l.Items {
			mark, err := o.marked(ctx, op.ID, item.MailRef)
			if err != nil {
				return err
			}
			if mark != nil {
				item.Outcome, item.RetriedAs = OutcomeDone, mark.RetriedAs
				done = append(done, item)
			}
		}
		if len(done) > 0 {
			if _, err := o.e.registry.SettleOperation(ctx, op.ID, done, o.e.now()); err != nil {
				return err
			}
			o.e.emit(Event{Type: EventOperationChanged, OperationID: op.ID})
		}
		if err := o.e.registry.OperationSettled(ctx, op.ID); err != nil {
			return err
		}
	}
	return nil
}

// marked is an operation's mark on a message or reply; nil where there is none,
// and where the folder cannot be read.
func (o *operator) marked(ctx context.Context, id string, ref MailRef) (*OperationMark, error) {
	s, err := o.e.registry.Session(ctx, ref.SessionID)
	if CodeOf(err) == CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	marks, err := o.e.mailboxes.OperationMarks(ctx, s, ref.Direction, ref.ID)
	if err != nil {
		o.e.log.Warn("look what a cancelled operation did", "operation", id, "session", s.ID, "error", err)
		return nil, ctx.Err()
	}
	for _, m := range marks {
		if m.OperationID == id && m.RetryOf == nil {
			return &m, nil
		}
	}
	return nil, nil
}

// leading are the first items that are alike.
func leading(items []OperationItem, alike func(a, b OperationItem) bool) []OperationItem {
	n := 1
	for n < len(items) && alike(items[0], items[n]) {
		n++
	}
	return items[:n]
}

// session acts on items of one session, in their order. Those that it settles
// have an outcome then.
func (o *operator) session(ctx context.Context, op Operation, items []OperationItem) {
	mark := &OperationMark{OperationID: op.ID, Action: op.Action, Reason: op.Reason, At: new(o.e.now())}
	for len(items) > 0 {
		some := leading(items, func(a, b OperationItem) bool { return a.Direction == DirectionIn && b.Direction == DirectionIn })
		some = some[:min(len(some), operationMessages)]
		for try := 0; ; try++ {
			if !o.act(ctx, some, mark, try == operationTries-1) {
				break
			}
			if o.e.closing() || !pause(ctx, operationWait<<try) {
				return
			}
		}
		items = items[len(some):]
	}
}

func (o *operator) tell(before, after Operation) {
	now := o.e.now()
	switch {
	case after.Status != OperationRunning:
		delete(o.told, after.ID)
		if before.Status == after.Status || after.Status == OperationCancelled && after.Done == before.Done && after.Refused == before.Refused {
			return
		}
	case now.Sub(o.told[after.ID]).Abs() < tellOperation:
		return
	default:
		o.told[after.ID] = now
	}
	o.e.emit(Event{Type: EventOperationChanged, OperationID: after.ID})
}

// act acts on messages, or on one reply, that are pending. left tells that some
// still are, as they were not available; last has it give them up.
func (o *operator) act(ctx context.Context, items []OperationItem, mark *OperationMark, last bool) (left bool) {
	var pending []*OperationItem
	for i := range items {
		if items[i].Outcome == OutcomePending {
			pending = append(pending, &items[i])
		}
	}
	var results []ActResult
	if items[0].Direction == DirectionOut {
		results = []ActResult{{Err: o.actOnReply(ctx, items[0].MailRef, mark)}}
	} else {
		results = o.actOnMessages(ctx, pending, mark)
	}
	// What is refused since the engine ends is done by the next one.
	ending := ctx.Err() != nil || o.e.closing()
	for i, item := range pending {
		if ending && results[i].Err != nil {
			left = true
			continue
		}
		left = o.settle(item, results[i], mark, last) || left
	}
	return left
}

// settle gives an item its outcome, unless it is to be tried again.
func (o *operator) settle(item *OperationItem, r ActResult, mark *OperationMark, last bool) (again bool) {
	code := CodeOf(r.Err)
	switch {
	case r.Err == nil:
		item.Outcome = OutcomeDone
		if item.Direction == DirectionIn && mark.Action == OperationRetry {
			item.RetriedAs = &r.Message.ID
		}
		return false
	case !last && (code == CodeUnavailable || code == CodeInternal):
		return true
	case code == CodeInternal:
		o.e.log.Error("act on an operation's item", "operation", mark.OperationID, "session", item.SessionID, "id", item.ID, "error", r.Err)
	}
	reason := publicReason(r.Err)
	item.Outcome, item.Problem = OutcomeRefused, &reason
	return false
}

func (o *operator) actOnReply(ctx context.Context, ref MailRef, mark *OperationMark) error {
	act := map[OperationAction]func(context.Context, string, string, *OperationMark) (Reply, error){
		OperationRetry: o.e.retryReply, OperationPause: o.e.pauseReply, OperationResume: o.e.resumeReply, OperationCancel: o.e.cancelReply, OperationDiscard: o.e.discardReply}
	_, err := act[mark.Action](ctx, ref.SessionID, ref.ID, mark)
	return err
}

func (o *operator) actOnMessages(ctx context.Context, items []*OperationItem, mark *OperationMark) []ActResult {
	acts := make([]MessageAct, len(items))
	for i, item := range items {
		acts[i] = MessageAct{MessageID: item.ID, Action: MessageAction(mark.Action), Mark: mark}
	}
	results, err := o.e.actOnMessages(ctx, items[0].SessionID, acts)
	if err != nil {
		results = make([]ActResult, len(items))
		for i := range results {
			results[i].Err = err
		}
	}
	return results
}

// closing tells whether the engine takes no more work.
func (e *Engine) closing() bool {
	done, err := e.begin()
	if err != nil {
		return true
	}
	done()
	return false
}
