package engine

import (
	"context"
	"slices"
	"time"
)

// EventType says what happened.
type EventType string

const (
	EventSessionCreated EventType = "SESSION_CREATED"
	EventSessionUpdated EventType = "SESSION_UPDATED"
	EventSessionClosed  EventType = "SESSION_CLOSED"
	// EventSessionArchived: its folder is an archive now, and it is in no list.
	EventSessionArchived EventType = "SESSION_ARCHIVED"
	EventSessionRestored EventType = "SESSION_RESTORED"
	EventSessionDue      EventType = "SESSION_DUE"
	EventContainerStuck  EventType = "CONTAINER_STUCK"
	EventMessageWritten  EventType = "MESSAGE_WRITTEN"
	EventMessageUpdated  EventType = "MESSAGE_UPDATED"
	EventReplyWritten    EventType = "REPLY_WRITTEN"
	EventReplyDelivered  EventType = "REPLY_DELIVERED"
	EventReplyFailed     EventType = "REPLY_FAILED"
	// EventReplyUpdated: it was paused, resumed or cancelled, or is delivered anew.
	EventReplyUpdated EventType = "REPLY_UPDATED"
	EventHookFailed   EventType = "HOOK_FAILED"
	EventHookChanged  EventType = "HOOK_CHANGED"
	// EventResyncRequired: events were lost here. Whoever keeps a copy of
	// something reads it again.
	EventResyncRequired EventType = "RESYNC_REQUIRED"
)

// EventTypes returns all types, in the order in which they are shown.
func EventTypes() []EventType {
	return []EventType{EventSessionCreated, EventSessionUpdated, EventSessionClosed, EventSessionArchived, EventSessionRestored,
		EventSessionDue, EventContainerStuck,
		EventMessageWritten, EventMessageUpdated, EventReplyWritten, EventReplyDelivered, EventReplyFailed, EventReplyUpdated,
		EventHookFailed, EventHookChanged, EventResyncRequired}
}

// Event is something that happened. It names what it happened to; what that is
// like now, its reader finds out.
type Event struct {
	// N is its number: events have ascending ones, without gaps but where
	// events were lost. It is set by the EventLog.
	N    int64
	Type EventType
	// At is set when the event is put on disk, unless it is set before.
	At time.Time
	// SessionID, MessageID, ReplyID and HookName are "" where there is none.
	SessionID, MessageID, ReplyID, HookName string
}

// EventFilter selects events; zero fields select all. EventResyncRequired is
// always selected.
type EventFilter struct {
	SessionID string
	Types     []EventType
}

// Selects tells whether ev passes the filter.
func (f EventFilter) Selects(ev Event) bool {
	return ev.Type == EventResyncRequired ||
		(f.SessionID == "" || f.SessionID == ev.SessionID) && (len(f.Types) == 0 || slices.Contains(f.Types, ev.Type))
}

// EventSpan is a stretch of the event log that was read.
type EventSpan struct {
	// Oldest is the number of the oldest event that is kept, Newest of the
	// newest; both are 0 if there never was one.
	Oldest, Newest int64
	// Events are those of the stretch that the filter selects, oldest first.
	Events []Event
	// End is the number of the last event that was looked at.
	End int64
}

// EventLog keeps events, so that who was away can read what it missed. Its
// methods may be called concurrently, OpenEvents before the others.
type EventLog interface {
	// OpenEvents begins to append, and returns the number of the newest event.
	// If CloseEvents was not called since the last time, events may be lost:
	// then there is a new EventResyncRequired, with a number that leaves out
	// those that somebody might have seen.
	OpenEvents(ctx context.Context, now time.Time) (newest int64, err error)
	// CloseEvents notes that nothing is lost.
	CloseEvents(ctx context.Context) error
	// AppendEvents puts events on disk, gives them their numbers, and sets those
	// in the slice. With an error, nothing was appended.
	AppendEvents(ctx context.Context, events []Event) error
	// Events reads on from the event after a number, up to about limit events.
	Events(ctx context.Context, after int64, f EventFilter, limit int) (EventSpan, error)
	// PruneEvents removes some of the events from before a time, or before the
	// newest so many, but never the newest. more: there are more to remove.
	PruneEvents(ctx context.Context, before time.Time, keep int64) (more bool, err error)
}
