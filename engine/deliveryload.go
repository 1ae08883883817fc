package engine

import (
	"context"
	"maps"
	"sync"
	"time"
)

// DeliveryLoad is what is not delivered of the replies for one channel type.
type DeliveryLoad struct {
	// ChannelType is "agent" and "system" for replies that are for no chat, and
	// "" for those with a channel type that no chat has: an agent makes up what
	// it likes.
	ChannelType string
	// Pending are on their way, are paused, wait for their time, or to be claimed;
	// Failed wait for somebody to act.
	Pending, Failed int64
	// DueSince is when the oldest that is pending was to be delivered; nil if
	// none is.
	DueSince *time.Time
}

// DeliveryLoads returns those of all channel types that have replies which are
// not delivered, or failed.
func (e *Engine) DeliveryLoads(ctx context.Context) ([]DeliveryLoad, error) {
	return e.registry.DeliveryLoads(ctx)
}

// AttemptOutcome is what an attempt to push a reply came to.
type AttemptOutcome string

const (
	AttemptDelivered AttemptOutcome = "delivered"
	// AttemptFailed: it is not tried again.
	AttemptFailed AttemptOutcome = "failed"
	// AttemptRefused: it did not arrive, and is tried again.
	AttemptRefused AttemptOutcome = "refused"
	// AttemptUncertain: nobody knows whether it arrived, and it is tried again.
	AttemptUncertain AttemptOutcome = "uncertain"
)

// WebhookAttempt is what is counted of attempts.
type WebhookAttempt struct {
	ChannelType string
	Outcome     AttemptOutcome
}

// attempts count what pushes came to.
type attempts struct {
	mu     sync.Mutex // guards counts
	counts map[WebhookAttempt]uint64
}

func (a *attempts) add(channelType string, failed *SendError, over bool) {
	outcome := AttemptDelivered
	switch {
	case failed == nil:
	case over:
		outcome = AttemptFailed
	case failed.Uncertain:
		outcome = AttemptUncertain
	default:
		outcome = AttemptRefused
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = map[WebhookAttempt]uint64{}
	}
	a.counts[WebhookAttempt{channelType, outcome}]++
}

// WebhookAttempts returns how many attempts came to what since the engine's
// start.
func (e *Engine) WebhookAttempts() map[WebhookAttempt]uint64 {
	e.attempts.mu.Lock()
	defer e.attempts.mu.Unlock()
	return maps.Clone(e.attempts.counts)
}
