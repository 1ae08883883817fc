package graph

import (
	"context"
	"net/http"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

const (
	defaultStreams = 512
	// maxSubscriptions bounds those of one WebSocket.
	maxSubscriptions = 64
	// maxSockets bounds the WebSockets that have shown their token,
	// maxStrangers those that have not.
	maxSockets   = 256
	maxStrangers = 64
)

var (
	faultStreams  = fault{http.StatusTooManyRequests, codeRateLimited, "there are as many event streams as the engine allows; close some"}
	faultSockets  = fault{http.StatusServiceUnavailable, codeUnavailable, "there are as many WebSockets as the engine allows; try again in a moment"}
	faultStopping = fault{http.StatusServiceUnavailable, codeUnavailable, "the engine is shutting down; go on from the last cursor in a moment"}
)

// streams are the answers without an end: subscriptions, and /events. There is
// one token, so they are all that token's.
type streams struct {
	limit   int
	ctx     context.Context // ends with stop
	stop    context.CancelFunc
	running sync.WaitGroup // all goroutines that work for them

	mu        sync.Mutex // guards what follows
	stopped   bool
	open      int
	sockets   int
	strangers int
}

func newStreams(limit int) *streams {
	s := &streams{limit: limit}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// begin counts one more subscription or stream, or says why there cannot be.
// It is to end with the context, and to call end.
func (s *streams) begin(ctx context.Context) (_ context.Context, end func(), f *fault) {
	release, f := s.take(&s.open, s.limit, &faultStreams)
	if f != nil {
		return ctx, nil, f
	}
	ctx, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(s.ctx, cancel)
	return ctx, func() {
		unlink()
		cancel()
		release()
	}, nil
}

// takeSocket takes a place among the WebSockets that have shown a token, or
// among those that have not.
func (s *streams) takeSocket(known bool) (release func(), f *fault) {
	if known {
		return s.take(&s.sockets, maxSockets, &faultSockets)
	}
	return s.take(&s.strangers, maxStrangers, &faultSockets)
}

func (s *streams) take(count *int, limit int, full *fault) (release func(), f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return nil, &faultStopping
	case *count >= limit:
		return nil, full
	}
	*count++
	s.running.Add(1)
	return func() {
		s.mu.Lock()
		*count--
		s.mu.Unlock()
		s.running.Done()
	}, nil
}

func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// shut ends all streams; there will be no others.
func (s *streams) shut() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.stop()
}

func (s *streams) close() {
	s.shut()
	s.running.Wait()
}

type streamEndKey struct{}

// streamEnd is why a subscription's stream ended, if not because its client
// wanted that. It is set before the stream's channel is closed.
type streamEnd struct{ err error }

func noteEnd(ctx context.Context, err error) {
	if end, ok := ctx.Value(streamEndKey{}).(*streamEnd); ok && ctx.Err() == nil {
		end.err = err
	}
}

// run carries out an operation and gives each of its responses to send, until
// that fails or ctx ends. It returns why the operation ended by itself: nil if
// all there was to say was said.
func (h *handler) run(ctx context.Context, op *graphql.OperationContext, send func(*graphql.Response) error) error {
	end := &streamEnd{}
	next, ctx := h.executor.DispatchOperation(context.WithValue(ctx, streamEndKey{}, end), op)
	if op.Operation.Operation == ast.Subscription {
		// Errors have the path of their field, which begins with the stream's.
		if fields := graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"}); len(fields) > 0 {
			ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription", Field: fields[0]})
		}
	}
	for first := true; ; first = false {
		response := next(ctx)
		if response == nil {
			return end.err
		}
		if first {
			h.metrics.operation(op.Operation, firstCode(response.Errors))
		}
		if err := send(response); err != nil {
			return nil
		}
	}
}
