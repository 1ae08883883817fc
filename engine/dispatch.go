package engine

import (
	"context"
	"time"
)

// DispatchState is where a reply stands on its way out.
type DispatchState string

const (
	// DispatchPending: it waits until it is due.
	DispatchPending DispatchState = "pending"
	// DispatchTrying: an attempt was begun, and its outcome is not known.
	DispatchTrying DispatchState = "trying"
	// DispatchPaused: it waits for ResumeReply.
	DispatchPaused DispatchState = "paused"
	// DispatchPausing: it is as DispatchTrying, and paused when that attempt has
	// not delivered it.
	DispatchPausing DispatchState = "pausing"
	// The others are settled.
	DispatchDelivered DispatchState = "delivered"
	DispatchFailed    DispatchState = "failed"
	DispatchDropped   DispatchState = "dropped"
	DispatchCancelled DispatchState = "cancelled"
)

// Settled tells whether nothing more is to be done.
func (s DispatchState) Settled() bool {
	return s == DispatchDelivered || s == DispatchFailed || s == DispatchDropped || s == DispatchCancelled
}

// Open tells whether it is one of those that are not settled.
func (s DispatchState) Open() bool { return s == DispatchPending || s.begun() || s.Held() }

// Held tells whether it is not tried again until it is resumed.
func (s DispatchState) Held() bool { return s == DispatchPaused || s == DispatchPausing }

// begun tells whether an attempt was begun whose outcome is not known.
func (s DispatchState) begun() bool { return s == DispatchTrying || s == DispatchPausing }

// Dispatch is what is kept of a reply's way out, in its session's folder. The
// container can write there, so nothing that it may not decide follows from
// it: destinations are checked before each attempt, and what hooks decided
// counts only under the engine's seal.
type Dispatch struct {
	State DispatchState
	// Way groups replies that keep their order; see wayOf.
	Way string
	// DueAt is when it is tried next; nil is at once.
	DueAt *time.Time
	// Attempts were begun so far.
	Attempts int
	// Uncertain: an attempt ended without an outcome, so the reply may have
	// arrived.
	Uncertain bool
	// LeaseUntil bounds the attempt that LeaseOwner makes.
	LeaseUntil *time.Time
	LeaseOwner string
	LastError  *string
	// Content is what hooks made of the reply's; nil leaves it.
	Content *string
	// Seal proves Content to be what hooks decided; nil: they were not asked.
	Seal []byte

	PlatformMessageID *string
	SettledAt         *time.Time
}

// leased tells whether somebody is at it. An engine that is no more is nobody.
func (d *Dispatch) leased(now time.Time, instance string) bool {
	return d.State.begun() && d.LeaseUntil != nil && now.Before(*d.LeaseUntil) &&
		(d.LeaseOwner == claimOwner || d.LeaseOwner == instance)
}

// Outgoing is a reply on its way out.
type Outgoing struct {
	Reply
	Dispatch Dispatch
}

// NewReplies are replies that were not noted yet, in the container's order.
type NewReplies struct {
	// Replies have an empty Dispatch, but for those that are malformed: these
	// have failed.
	Replies []Outgoing
	// Mark is where the next look begins; it is for NoteReplies.
	Mark OutboundMark
	// More says that there are more behind these.
	More bool
	// Stirred: the container may have taken messages, or dealt with them, since
	// the last look.
	Stirred bool
}

// OutboundMark is a place in outbound.db: a row, and what was found there.
type OutboundMark struct {
	RowID   int64
	ReplyID string
	// Moved: it is not where the last look ended.
	Moved bool
}

// Outboxes is what becomes of replies, as far as it is kept in the folders.
// What the container did to them is CodeUnavailable.
type Outboxes interface {
	// OnOutbound names whom to tell when a watched session's outbound.db has
	// changed, with a context that ends with the store. It is called once.
	OnOutbound(tell func(ctx context.Context, s Session))
	// OutboundChanged returns the ids of those sessions whose outbound.db is not
	// as it was when this was last asked, or as it was made; where neither is
	// known, of those that changed after since says. unread are those of which
	// nothing could be found out. It opens no database.
	OutboundChanged(places []SessionPlace, since func(sessionID string) time.Time) (ids, unread []string)

	// NewReplies reads what came after the mark, at most some hundred. Of these
	// some may have been noted before.
	NewReplies(ctx context.Context, s Session) (NewReplies, error)
	// NoteReplies stores their dispatches and moves the mark, at one time; and
	// that an attempt at one of them begins, if first is not nil and nothing is
	// before it. It returns those that are new: what was noted before stays as it
	// is.
	NoteReplies(ctx context.Context, s Session, n NewReplies, first *FirstAttempt) ([]Outgoing, error)
	// OpenDispatches lists the ids and dispatches that are not settled, in the
	// order in which they are due, at most some thousand. The replies have no
	// more than that.
	OpenDispatches(ctx context.Context, s Session) ([]Outgoing, error)
	// Outgoing reads one reply whole, or CodeNotFound.
	Outgoing(ctx context.Context, s Session, replyID string) (Outgoing, error)
	// Dispatch changes the dispatches of replies, at one time: change gets each
	// as it is and makes of it what it is to be. With an error of change's,
	// nothing is changed, and it is returned as it is.
	Dispatch(ctx context.Context, s Session, replyIDs []string, change func(replyID string, d *Dispatch) error) error
	// DispatchMarked changes that of one reply, and keeps a mark with it; where
	// the mark is there already, nothing is changed again.
	DispatchMarked(ctx context.Context, s Session, replyID string, mark *OperationMark, change func(d *Dispatch) error) error
	// RemoveOutbox removes the files that a reply brought.
	RemoveOutbox(ctx context.Context, s Session, replyID string) error
}

// Unsettled names a reply that is not settled, or that failed.
type Unsettled struct {
	SessionID, ReplyID, Way string
	Failed                  bool
	// Due is since when it is to be delivered. It is for SetUnsettled, where it
	// counts for those that are new there.
	Due time.Time
}

// UnsettledFilter selects; zero fields select all.
type UnsettledFilter struct {
	SessionID string
	// Ways has one at least of which the reply's is one.
	Ways []string
	// Open leaves out those that failed, Failed the others.
	Open, Failed bool
}

// UnsettledReplies is the index over all sessions of what is kept in their
// folders. It may name a reply that is settled, and lacks none that was noted.
type UnsettledReplies interface {
	// SetUnsettled adds, or changes Failed.
	SetUnsettled(ctx context.Context, replies []Unsettled) error
	RemoveUnsettled(ctx context.Context, sessionID, replyID string) error
	// Unsettled lists in order of their noting.
	Unsettled(ctx context.Context, p Page, f UnsettledFilter) (List[Unsettled], error)
	// DeliveryLoads counts them.
	DeliveryLoads(ctx context.Context) ([]DeliveryLoad, error)
	// UnsettledSessions lists, by id, sessions that have one that did not fail.
	UnsettledSessions(ctx context.Context, after string, limit int) ([]string, error)

	// Secret returns the bytes of a name; the first time they are made.
	Secret(ctx context.Context, name string) ([]byte, error)
	// Swept is when a look at all sessions that was completed began, zero if
	// none was. SetSwept sets it, and which sessions could not be read so far, as
	// one change.
	Swept(ctx context.Context) (time.Time, error)
	SetSwept(ctx context.Context, at time.Time, unread []string) error
	// UnreadSessions are those, in no order.
	UnreadSessions(ctx context.Context) ([]string, error)
}
