package engine

import (
	"context"
	"slices"
)

// OperationPreview is what an operation would act on.
type OperationPreview struct {
	Count, Messages, Replies, Sessions int
	// More: there is more than an operation may have.
	More  bool
	Index IndexState
}

// PreviewOperation counts what an operation would act on.
func (e *Engine) PreviewOperation(ctx context.Context, a OperationAction, f SearchFilter) (p OperationPreview, err error) {
	items, state, err := e.selected(ctx, a, f)
	if p.Index = state; len(items) > maxOperation {
		items, p.More = items[:maxOperation], true
	}
	sessions := map[string]bool{}
	for _, item := range items {
		sessions[item.SessionID] = true
		if item.Direction == DirectionIn {
			p.Messages++
		} else {
			p.Replies++
		}
	}
	p.Count, p.Sessions = len(items), len(sessions)
	return p, err
}

// selected finds what an action is for, and one more than may be.
func (e *Engine) selected(ctx context.Context, a OperationAction, f SearchFilter) ([]MailRef, IndexState, error) {
	if e.indexer == nil {
		return nil, IndexState{}, errNoIndex()
	}
	if err := f.check(); err != nil {
		return nil, IndexState{}, err
	}
	state := e.indexer.state()
	f, any := a.narrow(f)
	if !any {
		return nil, state, nil
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	f.Now = e.now()
	items, err := e.indexer.index.Select(ctx, f, maxOperation+1)
	return items, state, err
}

// suits are the statuses that an action is for, and those that it is for only
// where a filter asks for them.
func (a OperationAction) suits() (in, onlyIn []MessageStatus, out, onlyOut []DeliveryStatus) {
	switch a {
	case OperationRetry:
		return []MessageStatus{MessageFailed}, []MessageStatus{MessageCompleted, MessageCancelled},
			[]DeliveryStatus{DeliveryFailed, DeliveryDropped, DeliveryUnknown}, []DeliveryStatus{DeliveryPending, DeliveryPaused, DeliveryCancelled}
	case OperationPause:
		return []MessageStatus{MessagePending}, nil, []DeliveryStatus{DeliveryPending}, nil
	case OperationResume:
		return []MessageStatus{MessagePaused}, nil, []DeliveryStatus{DeliveryPaused}, nil
	case OperationCancel:
		return []MessageStatus{MessagePending, MessagePaused}, nil, []DeliveryStatus{DeliveryPending, DeliveryPaused}, nil
	case OperationDiscard:
		return []MessageStatus{MessageFailed}, nil, []DeliveryStatus{DeliveryFailed}, nil
	}
	return nil, nil, nil, nil
}

// narrow leaves of a filter what the action is for; any is false where that is
// nothing.
func (a OperationAction) narrow(f SearchFilter) (_ SearchFilter, any bool) {
	in, onlyIn, out, onlyOut := a.suits()
	if a == OperationRetry && f.Retried == nil {
		f.Retried = new(false) // what became of them shows in the ones that were written for them
	}
	if len(f.MessageStatus)+len(f.DeliveryStatus) > 0 {
		in, out = common(f.MessageStatus, in, onlyIn), common(f.DeliveryStatus, out, onlyOut)
	}
	if f.MessageStatus, f.DeliveryStatus = in, out; f.Direction == DirectionIn {
		f.DeliveryStatus = nil
	} else if f.Direction == DirectionOut {
		f.MessageStatus = nil
	}
	return f, len(f.MessageStatus)+len(f.DeliveryStatus) > 0
}

func common[S comparable](asked []S, of ...[]S) (both []S) {
	for _, s := range asked {
		if slices.ContainsFunc(of, func(some []S) bool { return slices.Contains(some, s) }) {
			both = append(both, s)
		}
	}
	return both
}
