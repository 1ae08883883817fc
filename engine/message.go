package engine

import (
	"context"
	"time"
)

// MessageStatus is where a message stands. PROCESSING is what the container
// has claimed and not yet acknowledged; UNKNOWN is a status that a foreign
// host wrote.
type MessageStatus string

const (
	MessagePending    MessageStatus = "PENDING"
	MessageProcessing MessageStatus = "PROCESSING"
	MessagePaused     MessageStatus = "PAUSED"
	MessageCompleted  MessageStatus = "COMPLETED"
	MessageFailed     MessageStatus = "FAILED"
	MessageCancelled  MessageStatus = "CANCELLED"
	MessageUnknown    MessageStatus = "UNKNOWN"
)

// MissedRuns says what becomes of a series' runs that fell due while nothing ran.
type MissedRuns string

const (
	MissedOnce MissedRuns = "ONCE"
	MissedAll  MissedRuns = "ALL"
	MissedSkip MissedRuns = "SKIP"
)

// Route says where the answer to a message goes; nil is nowhere.
type Route struct {
	PlatformID, ChannelType, ThreadID *string
}

// Message is a row of messages_in. What a foreign host may have left out or
// garbled is nil, and Problem says so.
type Message struct {
	SessionID       string
	ID              string
	Seq             *int64
	Kind            string
	Timestamp       *time.Time
	Status          MessageStatus
	Content         string
	Route           Route
	ProcessAfter    *time.Time
	Recurrence      *string
	TimeZone        *string
	SeriesID        *string
	Tries           int
	Trigger, OnWake bool
	SourceSessionID *string
	// ClaimedAt is when the container took it, if it works on it, AcknowledgedAt
	// when it ended it, as the container says; nil for a time that is none or
	// lies in the future.
	ClaimedAt, AcknowledgedAt *time.Time
	// RetriedAs is the id of the message that was last written in its place.
	RetriedAs *string
	Problem   *string
}

// Draft is a message that was checked and is ready to be written.
type Draft struct {
	// ID is the sender's, or made by the engine: then Made, and never seen before.
	ID   string
	Made bool
	// Hash returns the SHA-256 of what the sender gave; it tells a replay from
	// a reuse. It must be called before an attachment's Element is changed, and
	// may be called again.
	Hash func() [32]byte
	Kind string
	// received is when the engine was given it; Timestamp is the sender's.
	received        time.Time
	Timestamp       time.Time
	Content         Content
	Route           Route
	ProcessAfter    *time.Time
	Recurrence      *string
	TimeZone        *string
	MissedRuns      MissedRuns
	Trigger, OnWake bool
	SourceSessionID *string
	// Dropped: a hook took it. Its id is kept, and nothing else.
	Dropped bool
	// given is what a recurring message was before hooks.
	given *Content
	// subject is how hooks at on_message see it, while they do.
	subject contentSubject
	// trace is what hooks did to it; nil if none was asked.
	trace *HookTrace
	// spill has what hooks made of attachments, and replaced is the size in bytes
	// of what they made of the content.
	spill    *spill
	replaced int64
}

// WriteOutcome is what became of a message that was accepted.
type WriteOutcome string

const (
	// OutcomeWritten: it is on disk.
	OutcomeWritten WriteOutcome = "WRITTEN"
	// OutcomeReplayed: the id was accepted before, with this very input.
	OutcomeReplayed WriteOutcome = "REPLAYED"
	// OutcomeDropped: a hook took it; nothing is stored.
	OutcomeDropped WriteOutcome = "DROPPED"
)

// MessageWriter writes messages into session folders.
type MessageWriter interface {
	// Write puts drafts and their attachments into the session's folder, in
	// order, and answers each with its own result: one that fails does not stop
	// the others. When it returns, a message without an error is durable with
	// its attachments; of one with an error nothing was written that anyone can
	// see. A result's Message is nil when a replay's first result stored none.
	//
	// An id that was accepted with another hash is CodeConflict (field
	// "messageId"); base64, sizes and the session's quota are CodeInvalidInput
	// and CodeLimitExceeded with the field's path from "content" on; an
	// unknown uploadId is CodeNotFound; a full disk, a full queue and a
	// mailbox that cannot be locked in time are CodeUnavailable.
	Write(ctx context.Context, s Session, drafts []Draft) []WriteResult
	// Accepted tells whether a message of that id was accepted before.
	Accepted(ctx context.Context, s Session, messageID string) (bool, error)
	AttachmentSource
}

// WriteResult is what became of one message: Err, or an outcome. Message is
// nil when nothing is stored under the id.
type WriteResult struct {
	Message *Message
	Outcome WriteOutcome
	Err     error
}

// MessageReader reads messages from session folders. What a container did to
// its folder never harms more than the answer: CodeUnavailable says what is
// wrong with it.
type MessageReader interface {
	// Messages lists in order of seq, of the given statuses, or of all. A page
	// may end early, with HasNext (HasPrevious when Backward), when its
	// content grows large.
	Messages(ctx context.Context, s Session, p Page, status []MessageStatus) (List[Message], error)
	// Message fails with CodeNotFound.
	Message(ctx context.Context, s Session, messageID string) (Message, error)
}

// Messages lists a session's messages; see MessageReader.
func (e *Engine) Messages(ctx context.Context, s Session, p Page, status []MessageStatus) (List[Message], error) {
	if err := p.check(); err != nil {
		return List[Message]{}, err
	}
	return e.mailboxes.Messages(ctx, s, p, status)
}

// Message returns one message, or CodeNotFound.
func (e *Engine) Message(ctx context.Context, sessionID, messageID string) (Message, error) {
	s, err := e.registry.Session(ctx, sessionID)
	if err != nil {
		return Message{}, err
	}
	return e.mailboxes.Message(ctx, s, messageID)
}
