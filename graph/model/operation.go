package model

import (
	"time"

	"github.com/twinbox/twinbox/engine"
)

// Operation is an operation as the API shows it.
type Operation struct{ engine.Operation }

// Filter is a SearchFilter of the schema, as JSON.
func (o Operation) Filter() any { return filterJSON(o.Operation.Filter) }

// OperationItem is an operation's message or reply as the API shows it.
type OperationItem struct{ engine.OperationItem }

// MessageID is nil for a reply.
func (i OperationItem) MessageID() *string { return i.inMailbox(engine.DirectionIn) }

// ReplyID is nil for a message.
func (i OperationItem) ReplyID() *string { return i.inMailbox(engine.DirectionOut) }

func (i OperationItem) inMailbox(d engine.Direction) *string {
	if i.Direction != d {
		return nil
	}
	return &i.ID
}

// ContainerTool is a tool that a container runs, as the API shows it.
type ContainerTool struct{ engine.ContainerTool }

// TimeoutSeconds is nil where none was declared.
func (t ContainerTool) TimeoutSeconds() *int64 {
	if t.Timeout == nil {
		return nil
	}
	return new(int64(*t.Timeout / time.Second))
}
