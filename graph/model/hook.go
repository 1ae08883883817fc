package model

import (
	"context"
	"sync"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// Hook is a hook as the API shows it.
type Hook struct{ engine.Hook }

// Version is the one in use. A hook whose record is damaged has none: it is
// the newest, which says that it is not active.
func (h Hook) Version() engine.HookVersion {
	v := h.Hook.Version()
	if v.SHA256 == "" && len(h.Versions) > 0 {
		v = h.Versions[0]
	}
	return v
}

// Config is JSON as it stands, for the scalar JSON.
func (h Hook) Config() any { return h.Hook.Config }

// HookStep is a step of a dry run as the API shows it.
type HookStep struct{ engine.HookStep }

// Input is JSON as it stands, for the scalar JSON.
func (s HookStep) Input() any { return s.HookStep.Input }

// Output is described at Input.
func (s HookStep) Output() any { return s.HookStep.Output }

// HookRun is what a hook did as the API shows it.
type HookRun struct{ engine.HookRun }

// Reason is nil where there is none.
func (r HookRun) Reason() *string { return optional(r.HookRun.Reason) }

// Micros is the time of the call.
func (r HookRun) Micros() float64 { return float64(r.Took.Nanoseconds()) / 1000 }

// Attachment is nil where there is none.
func (r HookRun) Attachment() *int {
	if r.HookRun.Attachment == 0 {
		return nil
	}
	return &r.HookRun.Attachment
}

// AttachmentName is nil where there is none.
func (r HookRun) AttachmentName() *string { return optional(r.Name) }

// Changes is never nil, which would be written as null.
func (r HookRun) Changes() []engine.HookChange {
	if r.HookRun.Changes == nil {
		return []engine.HookChange{}
	}
	return r.HookRun.Changes
}

// Traces are what hooks did to the items of one list, read at once for all of
// them when the first is asked for. Its method may be called concurrently.
type Traces struct {
	read func(context.Context) (map[string]*engine.HookTrace, error)
	once sync.Once
	byID map[string]*engine.HookTrace
	err  error
}

// NewTraces has read called once at most.
func NewTraces(read func(context.Context) (map[string]*engine.HookTrace, error)) *Traces {
	return &Traces{read: read}
}

// Of returns what hooks did to the item of an id; nil is not known.
func (t *Traces) Of(ctx context.Context, id string) (*engine.HookTrace, error) {
	t.once.Do(func() { t.byID, t.err = t.read(ctx) })
	return t.byID[id], t.err
}

// HookRuns are a trace's; nil of none.
func HookRuns(t *engine.HookTrace) []HookRun {
	if t == nil {
		return nil
	}
	runs := make([]HookRun, len(t.Runs))
	for i, r := range t.Runs {
		runs[i] = HookRun{r}
	}
	return runs
}

// TraceTimes are when a message was received, and written; nil of no trace.
func TraceTimes(t *engine.HookTrace) (received, written *time.Time) {
	if t == nil {
		return nil, nil
	}
	if !t.WrittenAt.IsZero() {
		written = &t.WrittenAt
	}
	return &t.ReceivedAt, written
}
