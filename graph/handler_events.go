package graph

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/twinbox/twinbox/engine"
)

// plainEvent is an event as /events shows it.
type plainEvent struct {
	Cursor    string           `json:"cursor"`
	Type      engine.EventType `json:"type"`
	At        string           `json:"at"`
	SessionID string           `json:"sessionId,omitempty"`
	MessageID string           `json:"messageId,omitempty"`
	ReplyID   string           `json:"replyId,omitempty"`
	HookName  string           `json:"hookName,omitempty"`
	Operation string           `json:"operationId,omitempty"`
}

// serveEvents sends what happens as plain server-sent events.
func (h *handler) serveEvents(ctx context.Context, a *answer, r *http.Request) {
	in, follow, f := eventsInput(r)
	if f != nil {
		a.fail(*f)
		return
	}
	ctx, end, f := h.streams.begin(ctx)
	if f != nil {
		a.fail(*f)
		return
	}
	defer end()
	reader, err := h.engine.Events(ctx, in)
	if err != nil {
		h.failEvents(ctx, a, err)
		return
	}
	a.beginEvents()
	// Whoever breaks off before the first event knows where to go on.
	if err := a.push([]byte("retry: 1000\n" + standing(reader))); err != nil {
		return
	}
	for {
		events, err := h.nextEvents(ctx, reader, follow)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, context.DeadlineExceeded):
			err = a.push([]byte(standing(reader)))
		case err != nil:
			if engine.CodeOf(err) != engine.CodeUnavailable {
				h.log.LogAttrs(ctx, slog.LevelError, "read events", slog.String("request", a.requestID), slog.Any("error", err))
			}
			return
		case len(events) == 0: // and none are to be waited for
			return
		default:
			err = a.push(plainEvents(events))
		}
		if err != nil {
			return
		}
	}
}

// nextEvents waits no longer than beatTime.
func (h *handler) nextEvents(ctx context.Context, reader *engine.EventReader, follow bool) ([]engine.Event, error) {
	if !follow {
		return reader.Ready(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	return reader.Read(ctx)
}

// standing has no event, but the cursor for the case that there is none for long.
func standing(reader *engine.EventReader) string { return "id: " + reader.Cursor() + "\n\n" }

func plainEvents(events []engine.Event) []byte {
	b := make([]byte, 0, 256*len(events))
	for _, ev := range events {
		cursor := engine.EventCursor(ev.N)
		// Strings only: this cannot fail.
		data, _ := json.Marshal(plainEvent{cursor, ev.Type, engine.FormatTime(ev.At), ev.SessionID, ev.MessageID, ev.ReplyID, ev.HookName, ev.OperationID})
		b = append(b, "id: "...)
		b = append(b, cursor...)
		b = append(b, "\ndata: "...)
		b = append(b, data...)
		b = append(b, "\n\n"...)
	}
	return b
}

func (h *handler) failEvents(ctx context.Context, a *answer, err error) {
	switch code := engine.CodeOf(err); {
	case ctx.Err() != nil:
		a.broken = true
	case mendable(code):
		a.fail(faultOf(err, http.StatusBadRequest))
	case code == engine.CodeUnavailable:
		a.fail(faultOf(err, http.StatusServiceUnavailable))
	default:
		h.log.LogAttrs(ctx, slog.LevelError, "read events", slog.String("request", a.requestID), slog.Any("error", err))
		a.fail(faultInternal)
	}
}

// eventsInput reads the parameters of /events. Last-Event-ID, with which an
// EventSource comes back, is newer than the URL's cursor.
func eventsInput(r *http.Request) (in engine.EventsInput, follow bool, f *fault) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return in, false, faultParams("the URL's query is malformed")
	}
	follow = true
	for name, list := range values {
		value := list[len(list)-1]
		switch name {
		case "after":
			in.After = &value
		case "sessionId":
			in.SessionID = &value
		case "types":
			for _, t := range slices.Sorted(strings.SplitSeq(strings.Join(list, ","), ",")) {
				in.Types = append(in.Types, engine.EventType(t))
			}
			in.Types = slices.Compact(in.Types)
		case "follow":
			if value != "true" && value != "false" {
				return in, false, faultParams("follow must be true or false")
			}
			follow = value == "true"
		default:
			return in, false, faultParams("there is no such parameter: after, sessionId, types and follow are known")
		}
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		in.After = &last
	}
	return in, follow, nil
}
