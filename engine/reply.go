package engine

import (
	"context"
	"time"
)

// DeliveryStatus is what became of a reply. UNKNOWN: a crash fell between an
// attempt and its outcome. DROPPED: by a hook. PAUSED and CANCELLED: by an
// operator.
type DeliveryStatus string

const (
	DeliveryPending   DeliveryStatus = "PENDING"
	DeliveryDelivered DeliveryStatus = "DELIVERED"
	DeliveryFailed    DeliveryStatus = "FAILED"
	DeliveryUnknown   DeliveryStatus = "UNKNOWN"
	DeliveryDropped   DeliveryStatus = "DROPPED"
	DeliveryPaused    DeliveryStatus = "PAUSED"
	DeliveryCancelled DeliveryStatus = "CANCELLED"
)

// Delivery is a reply's way out so far.
type Delivery struct {
	Status            DeliveryStatus
	PlatformMessageID *string
	SettledAt         *time.Time
	Attempts          int
	NextAttemptAt     *time.Time
	LastError         *string
}

// Reply is a row of messages_out, written by the container: everything in it
// is hostile. What is missing or garbled is nil, and Problem says so.
type Reply struct {
	SessionID    string
	ID           string
	Seq          *int64
	Kind         string
	Timestamp    *time.Time
	InReplyTo    *string
	Content      string
	Route        Route
	DeliverAfter *time.Time
	Delivery     Delivery
	Problem      *string
}

// ReplyReader reads replies from session folders, bounded like MessageReader.
type ReplyReader interface {
	// Replies lists in order of seq, of the given statuses, or of all.
	Replies(ctx context.Context, s Session, p Page, status []DeliveryStatus) (List[Reply], error)
	// Reply fails with CodeNotFound.
	Reply(ctx context.Context, s Session, replyID string) (Reply, error)
}

// Replies lists a session's replies; see ReplyReader.
func (e *Engine) Replies(ctx context.Context, s Session, p Page, status []DeliveryStatus) (List[Reply], error) {
	if err := p.check(); err != nil {
		return List[Reply]{}, err
	}
	return e.mailboxes.Replies(ctx, s, p, status)
}

// Reply returns one reply, or CodeNotFound.
func (e *Engine) Reply(ctx context.Context, sessionID, replyID string) (Reply, error) {
	s, err := e.registry.Session(ctx, sessionID)
	if err != nil {
		return Reply{}, err
	}
	return e.mailboxes.Reply(ctx, s, replyID)
}
