package graph

import "github.com/twinbox/twinbox/engine"

// resolver answers the fields that take more than reading a struct: each
// translates, calls one use case of the engine, and translates back.
type resolver struct {
	engine  *engine.Engine
	budget  *budget
	streams *streams
}
