package model

import "github.com/twinbox/twinbox/engine"

// Event is an event as the API shows it.
type Event struct{ engine.Event }

// Cursor is where to go on from.
func (e Event) Cursor() string { return engine.EventCursor(e.N) }

// SessionID, MessageID, ReplyID, HookName and OperationID are nil where there is none.
func (e Event) SessionID() *string { return optional(e.Event.SessionID) }

// MessageID is described at SessionID.
func (e Event) MessageID() *string { return optional(e.Event.MessageID) }

// ReplyID is described at SessionID.
func (e Event) ReplyID() *string { return optional(e.Event.ReplyID) }

// HookName is described at SessionID.
func (e Event) HookName() *string { return optional(e.Event.HookName) }

// OperationID is described at SessionID.
func (e Event) OperationID() *string { return optional(e.Event.OperationID) }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
