package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	cost "github.com/99designs/gqlgen/complexity"
	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"

	"github.com/twinbox/twinbox/engine"
)

func newExecutor(schema graphql.ExecutableSchema, log *slog.Logger) *executor.Executor {
	e := executor.New(schema)
	e.SetErrorPresenter(presentError(log))
	e.SetRecoverFunc(recoverPanic)
	return e
}

func (h *handler) faultLarge() *fault {
	return &fault{http.StatusRequestEntityTooLarge, codeLimitExceeded,
		fmt.Sprintf("the body has more than the %d bytes that are allowed; send large files to /uploads", h.bodyBytes)}
}

// serveGraphQL answers one GraphQL request, as the specification of GraphQL
// over HTTP says: POST with a JSON body, or GET for queries. Forms, multipart
// and batches are refused.
func (h *handler) serveGraphQL(ctx context.Context, a *answer, r *http.Request) {
	media, events := responseMedia(r.Header.Get("Accept")), takesEvents(r.Header.Get("Accept")) && r.Method == http.MethodPost
	if media == "" && !events {
		a.fail(fault{http.StatusNotAcceptable, codeBadRequest, "answers are application/graphql-response+json, application/json, or to a POST text/event-stream"})
		return
	}
	a.mediaType = media
	if !a.permits(r, http.MethodPost, http.MethodGet) {
		return
	}
	l := lease{budget: h.budget}
	defer l.shrinkTo(0)
	p, f := h.params(a, r, &l)
	if f != nil {
		a.fail(*f)
		return
	}
	op, errs := h.prepare(ctx, p)
	if errs != nil {
		h.metrics.operation(op.Operation, firstCode(errs))
		if media == "" {
			a.refuseStream(errs)
			return
		}
		a.respond(&graphql.Response{Errors: errs})
		return
	}
	if r.Method == http.MethodGet && op.Operation.Operation != ast.Query {
		a.Header().Set("Allow", http.MethodPost)
		a.fail(fault{http.StatusMethodNotAllowed, codeBadRequest, "GET is for queries; send mutations by POST"})
		return
	}
	op.Headers = r.Header
	switch subscription := op.Operation.Operation == ast.Subscription; {
	case events && (subscription || media == ""):
		h.serveStream(ctx, a, op)
		return
	case subscription:
		a.fail(fault{http.StatusNotAcceptable, codeBadRequest, "subscriptions are answered as text/event-stream: send that in Accept, or use a WebSocket"})
		return
	}
	next, ctx := h.executor.DispatchOperation(ctx, op)
	response := next(ctx)
	if response == nil {
		// The client has gone.
		a.broken = true
		return
	}
	h.metrics.operation(op.Operation, firstCode(response.Errors))
	a.respond(response)
}

// params reads a request's parameters. On return only what they take
// themselves is left on the lease.
func (h *handler) params(a *answer, r *http.Request, l *lease) (params, *fault) {
	if r.Method == http.MethodGet {
		return urlParams(r.URL.RawQuery)
	}
	if !jsonBody(r.Header) {
		return params{}, &fault{http.StatusUnsupportedMediaType, codeBadRequest, "the body must be application/json in UTF-8, not encoded otherwise"}
	}
	buf := h.buffers.get()
	defer h.buffers.put(buf)
	body, f := h.readBody(a, r, l, buf)
	if f != nil {
		return params{}, f
	}
	p, f := bodyParams(body)
	l.shrinkTo(int64(len(body)))
	return p, f
}

// prepare makes an operation ready to be executed, within every limit.
func (h *handler) prepare(ctx context.Context, p params) (*graphql.OperationContext, gqlerror.List) {
	op := &graphql.OperationContext{RawQuery: p.query, OperationName: p.operationName, Extensions: p.extensions,
		RecoverFunc: recoverPanic, ResolverMiddleware: resolve, RootResolverMiddleware: resolveRoot}
	var errs gqlerror.List
	if op.Doc, errs = h.documents.parse(ctx, p.query); errs != nil {
		return op, errs
	}
	var err *gqlerror.Error
	if op.Operation, err = operation(op.Doc, p.operationName); err != nil {
		return op, gqlerror.List{err}
	}
	variables, verr := validator.VariableValues(h.schema.Schema(), op.Operation, p.variables)
	if verr != nil {
		return op, documentErrors(gqlerror.List{gqlerror.WrapIfUnwrapped(verr)}, errcode.ValidationFailed)
	}
	op.Variables = variables
	for _, v := range op.Operation.VariableDefinitions {
		// Valid at @skip and @include, where the executor cannot take a null.
		if value, given := variables[v.Variable]; given && value == nil && v.DefaultValue != nil && v.Type.NamedType == "Boolean" {
			err := gqlerror.ErrorPosf(v.Position, "variable $%s has a default and cannot be null; leave it out", v.Variable)
			return op, documentErrors(gqlerror.List{err}, errcode.ValidationFailed)
		}
	}
	// Exponential in fragments that spread each other twice, if it were not
	// for the limits of documents.parse.
	if n := cost.Calculate(ctx, h.schema, op.Operation, variables); n > maxComplexity {
		err := gqlerror.Errorf("the operation may cost %d, more than the %d that are allowed; ask for smaller pages or fewer lists in lists", n, maxComplexity)
		return op, documentErrors(gqlerror.List{err}, codeLimitExceeded)
	}
	return op, nil
}

func resolve(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) }

func resolveRoot(ctx context.Context, next graphql.RootResolver) graphql.Marshaler { return next(ctx) }

// firstCode is what an operation is counted under. Codes come from a closed
// list of ours, never from a client.
func firstCode(errs gqlerror.List) string {
	if len(errs) == 0 {
		return "OK"
	}
	return codeOf(errs[0])
}

func codeOf(err *gqlerror.Error) string {
	switch code := err.Extensions["code"].(type) {
	case string:
		return code
	case engine.Code:
		return string(code)
	}
	return ""
}

// respond sends a response. One without data is a request error, which the
// newer media type answers with a status of its own.
func (a *answer) respond(r *graphql.Response) {
	status := http.StatusOK
	if r.Data == nil && a.mediaType == mediaResponse {
		status = http.StatusBadRequest
	}
	if len(r.Errors) == 0 {
		a.send(status, a.mediaType, []byte(`{"data":`), r.Data, []byte("}"))
		return
	}
	errs, err := json.Marshal(r.Errors)
	if err != nil {
		a.fail(faultInternal)
		return
	}
	if r.Data == nil {
		a.send(status, a.mediaType, []byte(`{"errors":`), errs, []byte("}"))
		return
	}
	a.send(status, a.mediaType, []byte(`{"errors":`), errs, []byte(`,"data":`), r.Data, []byte("}"))
}
