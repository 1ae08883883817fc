package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/twinbox/twinbox/engine"
)

type requestIDKey struct{}

// withRequestID returns a context of a request with an id, by which an error
// that a client was shown is found in the log.
func withRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// requestIDFrom is the id of ctx's request, "" if it has none.
func requestIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// panicked is what recoverPanic makes of a panic, for presentError to log.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// recoverPanic is the executor's RecoverFunc.
func recoverPanic(_ context.Context, value any) error {
	return &panicked{value: value, stack: debug.Stack()}
}

// presentError makes the executor's ErrorPresenter. A client gets a code and a
// sentence that is meant for it; the cause of a fault goes to log alone.
func presentError(log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		// Its own copy: one error value may be shown in several places.
		shown := *graphql.DefaultErrorPresenter(ctx, err)
		shown.Extensions = maps.Clone(shown.Extensions)
		if shown.Extensions == nil {
			shown.Extensions = map[string]any{}
		}
		if _, own := shown.Extensions["code"]; !own {
			public := publicError(err)
			shown.Message, shown.Extensions["code"] = public.Message, public.Code
			if field := faultyField(ctx, &shown, public); len(field) > 0 {
				shown.Extensions["field"] = field
			}
			logFault(ctx, log, public.Code, shown.Path.String(), err)
		}
		if fc := graphql.GetFieldContext(ctx); fc != nil && fc.Field.Field != nil && shown.Locations == nil {
			shown.Locations = []gqlerror.Location{{Line: fc.Field.Position.Line, Column: fc.Field.Position.Column}}
		}
		if id := requestIDFrom(ctx); id != "" {
			shown.Extensions["requestId"] = id
		}
		return &shown
	}
}

// faultyField is the path of the argument at fault. For one that a scalar
// refused it is at the end of the error's path, where clients expect no more
// than the path of the answer's field: it is taken off there.
func faultyField(ctx context.Context, shown *gqlerror.Error, public *engine.Error) []string {
	if public.Code != engine.CodeInvalidInput || len(public.Field) > 0 {
		return public.Field
	}
	at := graphql.GetPath(ctx)
	if len(shown.Path) <= len(at) {
		return nil
	}
	var field []string
	for _, element := range shown.Path[len(at):] {
		field = append(field, fmt.Sprint(element))
	}
	shown.Path = at
	return field
}

// publicError is what a client may know of err.
func publicError(err error) *engine.Error {
	e, ok := errors.AsType[*engine.Error](err)
	switch {
	case ok && e.Code != engine.CodeInternal:
		return e
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return engine.Errorf(engine.CodeUnavailable, "the request was given up before it was answered")
	}
	return engine.Errorf(engine.CodeInternal, "something went wrong in the engine; its log says what, under the request's id")
}

func logFault(ctx context.Context, log *slog.Logger, code engine.Code, path string, err error) {
	level := slog.LevelError
	switch {
	case mendable(code), errors.Is(err, context.Canceled):
		return
	case code == engine.CodeUnavailable:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("code", string(code)), slog.String("path", path),
		slog.String("request", requestIDFrom(ctx)), slog.Any("error", err),
	}
	if p, ok := errors.AsType[*panicked](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	log.LogAttrs(ctx, level, "answer a GraphQL request", attrs...)
}
