package engine

import (
	"context"
	"errors"
)

// Occurrence is the next run of a recurring message, on its way into the
// mailbox.
type Occurrence struct {
	// Message is as it is to be written, but for its ID. Content is what the
	// sender of the series gave, before hooks.
	Message
	// Refused is why a hook does not let it in; Dropped: a hook took it. Its
	// run is over then, with nothing for the agent to see.
	Refused string
	Dropped bool
	// Written is told when it is on disk, under the seq that it has got; it may
	// be nil.
	Written func(seq int64)
	// Over: the series ends.
	Over bool
}

// SeriesKeeper continues recurring messages, each when its last occurrence
// ends (protocol: "Life of a message").
type SeriesKeeper interface {
	// OnOccurrence names who prepares each occurrence before it is written: it
	// gives the id and the content. With an error, it is asked again later. It
	// may be asked again also after a success, and by several at one time. It
	// is named once, before sessions are watched.
	OnOccurrence(prepare func(ctx context.Context, s Session, o *Occurrence) error)
}

// prepareOccurrence takes an occurrence through the hooks, as if its sender
// had written it again. Mailboxes call it while use cases wait for them, so it
// does not begin another.
func (e *Engine) prepareOccurrence(ctx context.Context, s Session, o *Occurrence) error {
	s, err := e.registry.Session(ctx, s.ID)
	if err != nil {
		return err
	}
	if s.Status == SessionClosed {
		o.Over = true
		return nil
	}
	wakes := o.ProcessAfter != nil && o.Trigger
	if wakes {
		// It is noted before it is written, as any message.
		if err := e.life.note(ctx, s.ID, *o.ProcessAfter); err != nil {
			return err
		}
	}
	o.ID = newID("msg-")
	d := Draft{ID: o.ID, Made: true, Kind: o.Kind, Route: o.Route, Trigger: o.Trigger, OnWake: o.OnWake, SourceSessionID: o.SourceSessionID, received: e.now()}
	if o.Timestamp != nil {
		d.Timestamp = *o.Timestamp
	}
	if d.Content, err = parseContent(d.Kind, o.Content); err == nil {
		if len(d.Content.Attachments) > 0 {
			err = InvalidField("content", "content has an attachment that was not put away")
		} else {
			err = e.runMessageHooks(ctx, s, &d)
		}
	}
	if err == nil {
		o.Content, o.Dropped = d.Content.Text, d.Dropped
		if d.Dropped {
			return nil
		}
		o.Written = func(seq int64) {
			e.tracer.written(&d.trace, seq, e.now())
			if wakes {
				e.life.wrote(s, *o.ProcessAfter)
			}
		}
		return nil
	}
	refusal, ok := errors.AsType[*Error](err)
	if !ok || refusal.Code == CodeInternal || refusal.Code == CodeUnavailable || ctx.Err() != nil {
		return err
	}
	o.Refused = refusal.Message
	return nil
}
