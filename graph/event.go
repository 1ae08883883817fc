package graph

import (
	"context"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

// follow gives what a reader reads to a subscription, until that ends.
func (r *resolver) follow(ctx context.Context, reader *engine.EventReader) <-chan model.Event {
	events := make(chan model.Event)
	r.streams.running.Go(func() {
		defer close(events)
		for {
			batch, err := reader.Read(ctx)
			if err != nil {
				noteEnd(ctx, err)
				return
			}
			for _, ev := range batch {
				select {
				case events <- model.Event{Event: ev}:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	return events
}

// ifNamed is what an event's id refers to, null where it has none.
func ifNamed[T any](id string, find func() (T, error)) (*T, error) {
	if id == "" {
		return nil, nil
	}
	return found(find())
}
