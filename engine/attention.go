package engine

import (
	"context"
	"slices"
	"time"
)

// Attention is what may need somebody.
type Attention struct {
	FailedReplies, UnsettledReplies, FailedMessages, WaitingMessages AttentionMail
	// Stuck are ids of sessions whose container is stuck, in order.
	Stuck []string
	// Hooks are those that are not called, though they are to be.
	Hooks []Hook
	Index IndexState
}

// AttentionMail counts what a filter selects.
type AttentionMail struct {
	Filter SearchFilter
	Count  int
	// More: there is more than was counted.
	More   bool
	Oldest *SearchHit
}

// maxCounted bounds what is counted.
const maxCounted = 1000

// Attention counts what may need somebody; of failures, only those since a
// time, where that is not nil.
func (e *Engine) Attention(ctx context.Context, since *time.Time) (a Attention, err error) {
	if e.indexer == nil {
		return a, errNoIndex()
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	a.Index = e.indexer.state()
	a.FailedReplies.Filter = SearchFilter{DeliveryStatus: []DeliveryStatus{DeliveryFailed}, Since: since}
	a.UnsettledReplies.Filter = SearchFilter{DeliveryStatus: []DeliveryStatus{DeliveryPending, DeliveryUnknown}}
	a.FailedMessages.Filter = SearchFilter{MessageStatus: []MessageStatus{MessageFailed}, Retried: new(false), Since: since}
	a.WaitingMessages.Filter = SearchFilter{Waiting: true}
	for _, m := range []*AttentionMail{&a.FailedReplies, &a.UnsettledReplies, &a.FailedMessages, &a.WaitingMessages} {
		f := m.Filter
		f.Now = e.now()
		if m.Count, m.Oldest, err = e.indexer.index.Count(ctx, f, maxCounted+1); err != nil {
			return a, err
		}
		m.More, m.Count = m.Count > maxCounted, min(m.Count, maxCounted)
	}
	a.Stuck = e.life.stuck()
	if a.Hooks, err = e.Hooks(ctx); err != nil {
		return a, err
	}
	a.Hooks = slices.DeleteFunc(slices.Clone(a.Hooks), func(h Hook) bool {
		return !h.Enabled || h.Circuit == CircuitClosed && h.Problem == nil
	})
	return a, nil
}
