package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"github.com/twinbox/twinbox/engine"
)

// folderFault reports what kept a list of a session's folder from being read
// beside an empty list, and returns only mistakes of the request. Such a list
// is never null, so an error in its place would take with it all sessions
// that are asked for together: a container that ruins its own folder must not
// blank an operator's view of the others.
func folderFault(ctx context.Context, err error) error {
	if err == nil || engine.CodeOf(err) == engine.CodeInvalidInput || ctx.Err() != nil {
		return err
	}
	graphql.AddError(ctx, err)
	return nil
}

// listed is a list that is never nil, which would be written as null.
func listed[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// marks is what operations did with a message or reply.
func (r *resolver) marks(ctx context.Context, sessionID string, owner *engine.Session, d engine.Direction, id string) ([]engine.OperationMark, error) {
	s, err := r.owner(ctx, sessionID, owner)
	if err != nil {
		return nil, err
	}
	marks, err := r.engine.OperationMarks(ctx, s, d, id)
	return listed(marks), folderFault(ctx, err)
}

// owner is the session of a message or reply: what its reader had at hand, or
// looked up.
func (r *resolver) owner(ctx context.Context, sessionID string, s *engine.Session) (engine.Session, error) {
	if s != nil {
		return *s, nil
	}
	return r.engine.Session(ctx, sessionID)
}
