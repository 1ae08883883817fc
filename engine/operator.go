package engine

import (
	"context"
	"sync"
	"time"
)

const (
	// operationStep is how many items are gone through before their outcomes
	// are stored, operationSessions of how many sessions at one time.
	operationStep     = 64
	operationSessions = 4
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
	items := l.Items
	settled := make([]bool, len(items))
	places := make(chan struct{}, operationSessions)
	var sessions sync.WaitGroup
	for from := 0; from < len(items); {
		to := from + 1
		for to < len(items) && items[to].SessionID == items[from].SessionID {
			to++
		}
		places <- struct{}{}
		sessions.Go(func() {
			defer func() { <-places }()
			for i := from; i < to && ctx.Err() == nil; i++ {
				if settled[i] = o.do(ctx, op, &items[i]); !settled[i] {
					return
				}
			}
		})
		from = to
	}
	sessions.Wait()
	done := items[:0]
	for i, item := range items {
		if settled[i] {
			done = append(done, item)
		}
	}
	// Also while the engine ends: it spares the next one a look at each.
	after, err := o.e.registry.SettleOperation(context.WithoutCancel(ctx), op.ID, done, o.e.now())
	if err != nil {
		return err
	}
	o.tell(op, after)
	return ctx.Err()
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

// do acts on an item. It is not settled if the engine ended meanwhile.
func (o *operator) do(ctx context.Context, op Operation, item *OperationItem) (settled bool) {
	mark := &OperationMark{OperationID: op.ID, Action: op.Action, Reason: op.Reason, At: new(o.e.now())}
	for try := range operationTries {
		result, err := o.act(ctx, item.MailRef, mark)
		if err == nil {
			item.Outcome, item.RetriedAs = OutcomeDone, result
			return true
		}
		if ctx.Err() != nil || o.e.closing() {
			return false
		}
		code := CodeOf(err)
		if last := try == operationTries-1; last || code != CodeUnavailable && code != CodeInternal {
			if code == CodeInternal {
				o.e.log.Error("act on an operation's item", "operation", op.ID, "session", item.SessionID, "id", item.ID, "error", err)
			}
			reason := publicReason(err)
			item.Outcome, item.Problem = OutcomeRefused, &reason
			return true
		}
		pause(ctx, operationWait<<try)
	}
	return false
}

func (o *operator) act(ctx context.Context, ref MailRef, mark *OperationMark) (result *string, err error) {
	if ref.Direction == DirectionOut {
		act := map[OperationAction]func(context.Context, string, string, *OperationMark) (Reply, error){
			OperationRetry: o.e.retryReply, OperationPause: o.e.pauseReply, OperationResume: o.e.resumeReply, OperationCancel: o.e.cancelReply}
		_, err = act[mark.Action](ctx, ref.SessionID, ref.ID, mark)
		return nil, err
	}
	m, err := o.e.act(ctx, ref.SessionID, ref.ID, MessageAction(mark.Action), mark)
	if err == nil && mark.Action == OperationRetry {
		result = &m.ID
	}
	return result, err
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
