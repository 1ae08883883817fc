package engine

import (
	"context"
	"slices"
	"strconv"
)

// eventChunk bounds the events that a reader has at one time, and those that
// it looks at in one go.
const eventChunk = 256

// EventsInput says which events to read.
type EventsInput struct {
	// After is the cursor of the event to go on from; nil is from now, "0" from
	// the oldest that is kept.
	After *string
	// SessionID nil is all.
	SessionID *string
	// Types nil is all.
	Types []EventType
}

// EventReader reads events, first from the disk and then as they come. It
// holds nothing that must be released, and one that is slow holds up nobody.
// One goroutine at a time may use it.
type EventReader struct {
	e      *Engine
	filter EventFilter
	at     int64
}

// Events returns a reader of the events after a cursor. It fails with
// CodeInvalidInput for what is not a cursor, and CodeNotFound for a session
// that does not exist. What was put before is on disk when it returns.
func (e *Engine) Events(ctx context.Context, in EventsInput) (*EventReader, error) {
	r := &EventReader{e: e, filter: EventFilter{Types: in.Types}}
	for _, t := range in.Types {
		if !slices.Contains(EventTypes(), t) {
			return nil, InvalidField("types", "%q is not a type of event", clip(string(t)))
		}
	}
	if in.SessionID != nil {
		if _, err := e.registry.Session(ctx, *in.SessionID); err != nil {
			return nil, withField(err, "sessionId")
		}
		r.filter.SessionID = *in.SessionID
	}
	after := int64(-1)
	if in.After != nil {
		var err error
		after, err = strconv.ParseInt(*in.After, 10, 64)
		if err != nil || after < 0 || EventCursor(after) != *in.After {
			return nil, InvalidField("after", "%q is not a cursor of an event", clip(*in.After))
		}
	}
	now, err := e.events.now(ctx)
	if r.at = after; after < 0 {
		r.at = now
	}
	return r, err
}

// EventCursor is the cursor of the event with a number.
func EventCursor(n int64) string { return strconv.FormatInt(n, 10) }

// Cursor is where the reader stands: who goes on from it misses nothing,
// though the events before it may all have been filtered out.
func (r *EventReader) Cursor() string { return EventCursor(r.at) }

// Read returns the next events, oldest first, as soon as there is one. Those
// after a cursor that is too old begin with an EventResyncRequired. It fails
// when ctx ends, and with CodeUnavailable when the engine is closed.
func (r *EventReader) Read(ctx context.Context) ([]Event, error) {
	for {
		events, more, err := r.ready(ctx)
		if err != nil || len(events) > 0 {
			return events, err
		}
		if err := r.e.events.wait(ctx, more); err != nil {
			return nil, err
		}
	}
}

// Ready is Read that does not wait: it returns none when there are none.
func (r *EventReader) Ready(ctx context.Context) ([]Event, error) {
	events, _, err := r.ready(ctx)
	return events, err
}

// ready returns events, or what is closed when there are more.
func (r *EventReader) ready(ctx context.Context) ([]Event, <-chan struct{}, error) {
	for {
		began := r.at
		events, end, more, ok := r.e.events.since(r.at, r.filter)
		r.at = end
		var err error
		if !ok {
			events, err = r.replay(ctx)
		}
		if err != nil || len(events) > 0 || r.at == began {
			return events, more, err
		}
	}
}

// replay reads on from the disk.
func (r *EventReader) replay(ctx context.Context) ([]Event, error) {
	span, err := r.e.registry.Events(ctx, r.at, r.filter, eventChunk)
	if err != nil {
		return nil, err
	}
	resync := Event{N: r.at, Type: EventResyncRequired, At: r.e.now()}
	switch {
	case r.at > span.Newest: // of another log, or of a part that was lost
		resync.N = span.Newest
		r.at = span.Newest
		return []Event{resync}, nil
	case r.at < span.Oldest-1 && (len(span.Events) == 0 || span.Events[0].N > span.Oldest || span.Events[0].Type != EventResyncRequired):
		resync.N = span.Oldest - 1
		span.Events = append([]Event{resync}, span.Events...)
	}
	r.at = span.End
	return span.Events, nil
}
