package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// beatTime is how often a stream says something, for proxies and to find out
// whether its reader is there.
const beatTime = 15 * time.Second

// beat is a comment, which clients skip.
var beat = []byte(":\n\n")

// beginEvents begins an answer of media type text/event-stream.
func (a *answer) beginEvents() {
	header := a.Header()
	header.Set("Content-Type", mediaEvents)
	header.Set("X-Accel-Buffering", "no") // asks proxies not to hold it back
	a.streams = true
	a.WriteHeader(http.StatusOK)
}

// push sends a part of a stream. A reader that does not take it in time is cut
// off.
func (a *answer) push(part []byte) error {
	if _, err := a.Write(part); err != nil {
		a.broken = true
		return err
	}
	if err := a.control.Flush(); err != nil {
		a.broken = true
		return err
	}
	return nil
}

// serveStream answers an operation as the distinct connections mode of
// GraphQL over SSE says.
func (h *handler) serveStream(ctx context.Context, a *answer, op *graphql.OperationContext) {
	ctx, end, f := h.streams.begin(ctx)
	if f != nil {
		a.fail(*f)
		return
	}
	defer end()
	ctx, cancel := context.WithCancel(ctx)
	turn := make(chan struct{}, 1) // is taken by who uses a
	push := func(part []byte) error {
		turn <- struct{}{}
		defer func() { <-turn }()
		err := a.push(part)
		if err != nil {
			cancel()
		}
		return err
	}
	a.beginEvents()
	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	beating.Go(func() {
		tick := time.NewTicker(beatTime)
		defer tick.Stop()
		for err := push(beat); err == nil; err = push(beat) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	err := h.run(ctx, op, func(r *graphql.Response) error { return push(nextEvent(r)) })
	switch {
	case ctx.Err() != nil:
		return // cut off: whoever is told of the end does not come back
	case err != nil:
		shown := presentError(h.log)(ctx, err)
		if push(nextEvent(&graphql.Response{Errors: gqlerror.List{shown}})) != nil {
			return
		}
	}
	_ = push([]byte("event: complete\ndata:\n\n"))
}

// refuseStream answers what cannot be executed to a client that only takes a
// stream.
func (a *answer) refuseStream(errs gqlerror.List) {
	a.beginEvents()
	if a.push(nextEvent(&graphql.Response{Errors: errs})) == nil {
		_ = a.push([]byte("event: complete\ndata:\n\n"))
	}
}

func nextEvent(r *graphql.Response) []byte {
	var b bytes.Buffer
	b.WriteString("event: next\ndata: ")
	b.Write(responseJSON(r))
	b.WriteString("\n\n")
	return b.Bytes()
}

// responseJSON is a response in one line, without data where it has none. What
// a container wrote as JSON may have been of several lines.
func responseJSON(r *graphql.Response) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	if len(r.Errors) > 0 {
		errs, err := json.Marshal(r.Errors)
		if err != nil {
			errs = []byte(`[{"message":"an error that cannot be shown"}]`)
		}
		b.WriteString(`"errors":`)
		b.Write(errs)
	}
	if r.Data != nil {
		if len(r.Errors) > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"data":`)
		if !bytes.ContainsAny(r.Data, "\r\n") || json.Compact(&b, r.Data) != nil {
			b.Write(r.Data)
		}
	}
	b.WriteByte('}')
	return b.Bytes()
}
