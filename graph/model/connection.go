package model

import "github.com/twinbox/twinbox/engine"

// Connection is a page of a list in the form of the Relay connections.
type Connection[T any] struct{ engine.List[T] }

// Edge is one item of a Connection.
type Edge[T any] struct {
	Cursor string
	Node   T
}

// PageInfo says where a page lies in its list; the cursors of an empty page
// are nil.
type PageInfo struct {
	HasNextPage, HasPreviousPage bool
	StartCursor, EndCursor       *string
}

// The connections of the schema; generated code knows them by these names.
type (
	AgentGroupConnection     = Connection[engine.AgentGroup]
	AgentGroupEdge           = Edge[engine.AgentGroup]
	MessagingGroupConnection = Connection[engine.MessagingGroup]
	MessagingGroupEdge       = Edge[engine.MessagingGroup]
	SessionConnection        = Connection[engine.Session]
	SessionEdge              = Edge[engine.Session]
	MessageConnection        = Connection[Message]
	MessageEdge              = Edge[Message]
	ReplyConnection          = Connection[Reply]
	ReplyEdge                = Edge[Reply]
	SearchHitEdge            = Edge[SearchHit]
	OperationConnection      = Connection[Operation]
	OperationEdge            = Edge[Operation]
	OperationItemConnection  = Connection[OperationItem]
	OperationItemEdge        = Edge[OperationItem]
)

// Edges are the items with their cursors.
func (c Connection[T]) Edges() []Edge[T] {
	edges := make([]Edge[T], len(c.Items))
	for i, item := range c.Items {
		edges[i] = Edge[T]{Cursor: c.Cursors[i], Node: item}
	}
	return edges
}

// Nodes are the items alone; never nil, which would be written as null.
func (c Connection[T]) Nodes() []T {
	if c.Items == nil {
		return []T{}
	}
	return c.Items
}

// PageInfo says where the page lies in its list.
func (c Connection[T]) PageInfo() PageInfo {
	p := PageInfo{HasNextPage: c.HasNext, HasPreviousPage: c.HasPrevious}
	if n := len(c.Cursors); n > 0 {
		p.StartCursor, p.EndCursor = &c.Cursors[0], &c.Cursors[n-1]
	}
	return p
}
