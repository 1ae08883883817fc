package graph

import (
	"errors"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

// mendable tells the codes of which a mutation answers a user error.
func mendable(code engine.Code) bool {
	switch code {
	case engine.CodeInvalidInput, engine.CodeNotFound, engine.CodeConflict, engine.CodeSessionClosed, engine.CodeLimitExceeded,
		engine.CodeHookRejected, engine.CodeHookFailed:
		return true
	}
	return false
}

// userErrors splits what a use case returned into what its sender can mend,
// for the payload (empty if there was no error), and a fault. at is the path
// of the use case's input within the mutation's input.
func userErrors(err error, at ...string) ([]model.UserError, error) {
	if err == nil {
		return []model.UserError{}, nil
	}
	e, ok := errors.AsType[*engine.Error](err)
	if !ok || !mendable(e.Code) {
		return nil, err
	}
	u := model.UserError{Code: e.Code, Message: e.Message}
	if path := e.In(at...).Field; len(path) > 0 {
		u.Field = append([]string{"input"}, path...)
	}
	return []model.UserError{u}, nil
}

// object is a payload's object, null when there are user errors.
func object[T any](v T, errs []model.UserError) *T {
	if len(errs) > 0 {
		return nil
	}
	return &v
}

// found is a query's object, null when there is none.
func found[T any](v T, err error) (*T, error) {
	switch {
	case engine.CodeOf(err) == engine.CodeNotFound:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &v, nil
}
