package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"
)

// OperationAction is what an operation does with each message and reply.
type OperationAction string

const (
	OperationRetry   OperationAction = "RETRY"
	OperationPause   OperationAction = "PAUSE"
	OperationResume  OperationAction = "RESUME"
	OperationCancel  OperationAction = "CANCEL"
	OperationDiscard OperationAction = "DISCARD"
)

// OperationStatus is where an operation stands.
type OperationStatus string

const (
	OperationRunning   OperationStatus = "RUNNING"
	OperationCompleted OperationStatus = "COMPLETED"
	OperationCancelled OperationStatus = "CANCELLED"
)

// OperationOutcome is what an operation did with one message or reply.
type OperationOutcome string

const (
	// OutcomePending: it has not come to it.
	OutcomePending OperationOutcome = "PENDING"
	OutcomeDone    OperationOutcome = "DONE"
	// OutcomeRefused: it could not be done.
	OutcomeRefused OperationOutcome = "REFUSED"
)

// Operation is one action on many messages and replies.
type Operation struct {
	ID        string
	Action    OperationAction
	Filter    SearchFilter
	Reason    string
	Status    OperationStatus
	Total     int
	Done      int
	Refused   int
	StartedAt time.Time
	EndedAt   *time.Time
}

// MailRef names a message or reply.
type MailRef struct {
	Direction Direction
	SessionID string
	// ID is that in the mailbox.
	ID string
}

// OperationItem is a message or reply of an operation.
type OperationItem struct {
	MailRef
	// N is its place, from 1 on.
	N       int
	Outcome OperationOutcome
	// Problem is why it could not be done.
	Problem *string
	// RetriedAs is the id of the message that a retry wrote.
	RetriedAs *string
}

// OperationMark says in a session's folder what an operation did with a
// message or reply.
type OperationMark struct {
	OperationID string
	Action      OperationAction
	Reason      string
	// At is nil where it cannot be read.
	At *time.Time
	// RetriedAs is the id of the message that a retry wrote, RetryOf that of the
	// one that this one was written for; nil elsewhere.
	RetriedAs, RetryOf *string
}

// OperationList keeps operations. Its methods may be called concurrently; what
// they changed is durable when they return.
type OperationList interface {
	// AddOperation keeps one with its items, of which all are pending. An id
	// that is taken is CodeConflict, and more than most that run are
	// CodeLimitExceeded. Nobody sees it before it is whole.
	AddOperation(ctx context.Context, op Operation, items []MailRef, most int) error
	// Operation fails with CodeNotFound.
	Operation(ctx context.Context, id string) (Operation, error)
	// Operations lists newest first.
	Operations(ctx context.Context, p Page) (List[Operation], error)
	// RunningOperations lists oldest first.
	RunningOperations(ctx context.Context) ([]Operation, error)
	// UnsettledOperations lists those that were cancelled and are not settled.
	UnsettledOperations(ctx context.Context) ([]Operation, error)
	// OperationSettled notes that the outcome of all that was done of one that
	// was cancelled is stored.
	OperationSettled(ctx context.Context, id string) error
	// OperationItems lists in their order those of an outcome, or all for "".
	OperationItems(ctx context.Context, id string, p Page, outcome OperationOutcome) (List[OperationItem], error)
	// SettleOperation stores the outcome of items that were pending. An
	// operation that runs and has no other is completed then.
	SettleOperation(ctx context.Context, id string, items []OperationItem, now time.Time) (Operation, error)
	// CancelOperation ends one that runs.
	CancelOperation(ctx context.Context, id string, now time.Time) (Operation, error)
	// PruneOperations removes some of what ended before the newest so many, and
	// of what never was whole, if nothing is added meanwhile. more: there is more.
	PruneOperations(ctx context.Context, keep int) (more bool, err error)
}

// OperationMarks tells what operations did.
type OperationMarks interface {
	// OperationMarks lists at most some hundred of a message or reply.
	OperationMarks(ctx context.Context, s Session, d Direction, id string) ([]OperationMark, error)
}

const (
	// maxOperation bounds an operation's items, and maxOperations what goes on.
	maxOperation  = 10_000
	maxOperations = 16
	// keepOperations is how many are kept that have ended.
	keepOperations = 200
	maxReasonBytes = 1024
)

// StartOperationInput is what an operation is started with.
type StartOperationInput struct {
	// ID nil: the engine makes one.
	ID     *string
	Action OperationAction
	Filter SearchFilter
	Reason string
	// ExpectedCount is how many the filter is to select.
	ExpectedCount int
}

// StartOperation begins to act on all that a filter selects, in the background.
func (e *Engine) StartOperation(ctx context.Context, in StartOperationInput) (Operation, error) {
	done, err := e.begin()
	if err != nil {
		return Operation{}, err
	}
	defer done()
	in.Filter.Now = time.Time{}
	in.Filter.Since, in.Filter.Until = inUTC(in.Filter.Since), inUTC(in.Filter.Until)
	op := Operation{Action: in.Action, Filter: in.Filter, Reason: strings.TrimSpace(in.Reason), Status: OperationRunning, Total: in.ExpectedCount, StartedAt: e.now()}
	if in.ID == nil {
		op.ID = newID("op-")
	} else if op.ID = *in.ID; !SafeID(op.ID) {
		return Operation{}, checkSafeID("id", op.ID)
	}
	if err := checkText("reason", strings.NewReplacer("\r\n", " ", "\n", " ").Replace(op.Reason), maxReasonBytes); err != nil {
		return Operation{}, err
	}
	if old, err := e.registry.Operation(ctx, op.ID); err == nil {
		return sameOperation(old, op)
	} else if CodeOf(err) != CodeNotFound {
		return Operation{}, err
	}
	items, _, err := e.selected(ctx, in.Action, in.Filter)
	switch {
	case err != nil:
		return Operation{}, err
	case len(items) > maxOperation:
		return Operation{}, Errorf(CodeLimitExceeded, "the filter selects more than the %d that an operation may have: narrow it, as by time", maxOperation).In("filter")
	case len(items) != in.ExpectedCount:
		return Operation{}, Errorf(CodeConflict, "the filter selects %d now, not %d: look at them again", len(items), in.ExpectedCount).In("expectedCount")
	case len(items) == 0:
		return Operation{}, InvalidField("filter", "the filter selects nothing that this can be done with")
	}
	err = e.registry.AddOperation(ctx, op, items, maxOperations)
	if CodeOf(err) == CodeConflict { // by somebody else, just now
		old, err := e.registry.Operation(ctx, op.ID)
		if err != nil {
			return Operation{}, err
		}
		return sameOperation(old, op)
	}
	if err != nil {
		return Operation{}, err
	}
	e.emit(Event{Type: EventOperationChanged, OperationID: op.ID})
	tell(e.operator.wake)
	return op, nil
}

// inUTC is a time as it is read from JSON.
func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC())
}

func sameOperation(old, op Operation) (Operation, error) {
	was, err := json.Marshal(old.Filter)
	if err != nil {
		return Operation{}, err
	}
	is, err := json.Marshal(op.Filter)
	if err != nil {
		return Operation{}, err
	}
	if old.Action != op.Action || old.Reason != op.Reason || old.Total != op.Total || !bytes.Equal(was, is) {
		return Operation{}, Errorf(CodeConflict, "there is another operation %s", op.ID).In("id")
	}
	return old, nil
}

// CancelOperation calls off what an operation has not come to.
func (e *Engine) CancelOperation(ctx context.Context, id string) (Operation, error) {
	done, err := e.begin()
	if err != nil {
		return Operation{}, err
	}
	defer done()
	op, err := e.registry.CancelOperation(ctx, id, e.now())
	if err != nil {
		return Operation{}, withField(err, "id")
	}
	e.emit(Event{Type: EventOperationChanged, OperationID: id})
	tell(e.operator.wake)
	return op, nil
}

// Operation returns one operation, or CodeNotFound.
func (e *Engine) Operation(ctx context.Context, id string) (Operation, error) {
	return e.registry.Operation(ctx, id)
}

// Operations lists newest first.
func (e *Engine) Operations(ctx context.Context, p Page) (List[Operation], error) {
	if err := p.check(); err != nil {
		return List[Operation]{}, err
	}
	return e.registry.Operations(ctx, p)
}

// OperationItems lists what an operation acts on, of an outcome or, for "", all.
func (e *Engine) OperationItems(ctx context.Context, id string, p Page, outcome OperationOutcome) (List[OperationItem], error) {
	if err := p.check(); err != nil {
		return List[OperationItem]{}, err
	}
	return e.registry.OperationItems(ctx, id, p, outcome)
}

// OperationMarks lists what operations did with a message or reply.
func (e *Engine) OperationMarks(ctx context.Context, s Session, d Direction, id string) ([]OperationMark, error) {
	return e.mailboxes.OperationMarks(ctx, s, d, id)
}
