package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// WriteMessageInput is a message as its sender gives it.
type WriteMessageInput struct {
	SessionID string
	// MessageID nil is made by the engine.
	MessageID *string
	// Kind "" is "chat".
	Kind string
	// Timestamp nil is now.
	Timestamp *time.Time
	// Content is a string, or JSON as encoding/json decodes it into an any.
	// The engine owns it from here on.
	Content any
	// Route fields are left out (the session's chat and thread), null, or set.
	PlatformID, ChannelType, ThreadID Omittable[*string]
	ProcessAfter                      *time.Time
	// Recurrence is a cron expression of five fields, in TimeZone (nil: UTC).
	Recurrence *string
	TimeZone   *string
	// MissedRuns "" is MissedOnce.
	MissedRuns      MissedRuns
	Trigger, OnWake bool
	SourceSessionID *string
}

// Omittable is a value that may be left out: its zero value was.
type Omittable[T any] struct {
	Value T
	Set   bool
}

// Some is an Omittable that is set.
func Some[T any](v T) Omittable[T] { return Omittable[T]{Value: v, Set: true} }

// WriteMessage writes a message into its session's inbox. When it returns
// without an error, message and attachments survive kill -9 and power loss;
// with one, nothing was written. The same id with the same input is answered
// with the first result, and runs no hooks again.
func (e *Engine) WriteMessage(ctx context.Context, in WriteMessageInput) (*Message, WriteOutcome, error) {
	return e.writeOne(ctx, in, true)
}

func (e *Engine) writeOne(ctx context.Context, in WriteMessageInput, hooked bool) (*Message, WriteOutcome, error) {
	done, err := e.begin()
	if err != nil {
		return nil, "", err
	}
	defer done()
	var r WriteResult
	e.write(ctx, in.SessionID, []WriteMessageInput{in}, []*WriteResult{&r}, hooked)
	return r.Message, r.Outcome, r.Err
}

// WriteMessages writes each message as WriteMessage does, those of one session
// in the given order and with one commit where that is possible; one that
// fails does not stop the others. More than 100 are CodeLimitExceeded.
func (e *Engine) WriteMessages(ctx context.Context, in []WriteMessageInput) ([]WriteResult, error) {
	if len(in) > maxBatch {
		return nil, &Error{Code: CodeLimitExceeded, Field: []string{"messages"},
			Message: fmt.Sprintf("%d messages in one request, more than the %d that are allowed", len(in), maxBatch)}
	}
	done, err := e.begin()
	if err != nil {
		return nil, err
	}
	defer done()
	type group struct {
		inputs  []WriteMessageInput
		results []*WriteResult
	}
	results := make([]WriteResult, len(in))
	groups := map[string]*group{}
	for i, m := range in {
		g := groups[m.SessionID]
		if g == nil {
			g = &group{}
			groups[m.SessionID] = g
		}
		g.inputs = append(g.inputs, m)
		g.results = append(g.results, &results[i])
	}
	var wg sync.WaitGroup
	for sessionID, g := range groups {
		wg.Go(func() { e.write(ctx, sessionID, g.inputs, g.results, true) })
	}
	wg.Wait()
	return results, nil
}

// write writes the messages of one session, in order, and sets their results.
// Those that are not hooked run no hooks.
func (e *Engine) write(ctx context.Context, sessionID string, in []WriteMessageInput, results []*WriteResult, hooked bool) {
	var s Session
	unlock, err := e.gates.rlock(ctx, sessionID)
	if err == nil {
		defer unlock()
		s, err = e.activeSession(ctx, sessionID)
	}
	var until time.Time
	if hooked = hooked && e.hooks != nil; hooked && err == nil {
		var release func()
		if release, err = e.holdIDs(ctx, sessionID, in); err == nil {
			defer release()
		}
		until = e.hooksUntil()
	}
	p := pending{drafts: make([]Draft, 0, len(in)), results: make([]*WriteResult, 0, len(in))}
	for i, m := range in {
		if err != nil {
			results[i].Err = err
			continue
		}
		d, err := e.draft(ctx, s, m)
		if err == nil && hooked && (p.has(d.ID) || p.replaced > e.limits.ContentBytes) {
			// What becomes of the first decides whether this is a replay, which
			// runs no hooks; and what hooks made large is not all held.
			e.store(ctx, s, p)
			p = pending{}
		}
		if err != nil {
			results[i].Err = err
			continue
		}
		p.drafts = append(p.drafts, d)
		kept := &p.drafts[len(p.drafts)-1]
		if hooked {
			if err = e.runMessageHooksUntil(ctx, until, &s, kept); err == nil && ctx.Err() != nil {
				err = Unavailable(context.Cause(ctx), "the request ended while hooks ran; nothing was written")
			}
			if err != nil || kept.Dropped && kept.Made {
				kept.spill.close()
				p.drafts = p.drafts[:len(p.drafts)-1]
				if results[i].Err = err; err == nil {
					results[i].Outcome = OutcomeDropped // nobody knows an id to replay
				}
				continue
			}
		}
		p.replaced += kept.replaced
		p.results = append(p.results, results[i])
	}
	e.store(ctx, s, p)
}

// pending are drafts that went through the hooks, and where their results go.
type pending struct {
	drafts  []Draft
	results []*WriteResult
	// replaced is what hooks made of the contents, in bytes.
	replaced int64
}

func (p pending) has(id string) bool {
	return slices.ContainsFunc(p.drafts, func(d Draft) bool { return d.ID == id })
}

// store writes drafts into their session's mailbox.
func (e *Engine) store(ctx context.Context, s Session, p pending) {
	if len(p.drafts) == 0 {
		return
	}
	defer func() {
		for i := range p.drafts {
			p.drafts[i].spill.close()
		}
	}()
	due := dueOf(p.drafts, e.now())
	// Before it is written: it must not be acknowledged and then forgotten.
	if err := e.life.note(ctx, s.ID, due); err != nil {
		for _, r := range p.results {
			r.Err = err
		}
		return
	}
	results := e.mailboxes.Write(ctx, s, p.drafts)
	written, now := false, e.now()
	for i, r := range results {
		*p.results[i] = r
		if r.Outcome == OutcomeWritten {
			written = true
			e.tracer.written(&p.drafts[i].trace, *r.Message.Seq, now)
			e.emit(Event{Type: EventMessageWritten, SessionID: s.ID, MessageID: p.drafts[i].ID})
		}
	}
	if written {
		e.registry.Touch(s.ID, now)
		e.life.wrote(s, due)
	}
}

// dueOf is when the first of drafts wakes the container, never if none does.
func dueOf(drafts []Draft, now time.Time) time.Time {
	due := never
	for i := range drafts {
		d := &drafts[i]
		switch {
		case d.Dropped || !d.Trigger:
		case d.ProcessAfter == nil || !d.ProcessAfter.After(now):
			return now
		case d.ProcessAfter.Before(due):
			due = *d.ProcessAfter
		}
	}
	return due
}

// draft checks an input and completes it.
func (e *Engine) draft(ctx context.Context, s Session, in WriteMessageInput) (Draft, error) {
	now := e.now()
	d := Draft{Hash: sync.OnceValue(func() [32]byte { return hashInput(in) }), Kind: in.Kind, received: now, Timestamp: now, Recurrence: in.Recurrence, TimeZone: in.TimeZone,
		MissedRuns: in.MissedRuns, Trigger: in.Trigger, OnWake: in.OnWake, SourceSessionID: in.SourceSessionID}
	if d.Kind == "" {
		d.Kind = "chat"
	}
	if in.MessageID != nil {
		d.ID = *in.MessageID
	} else {
		d.ID, d.Made = newID("msg-"), true
	}
	err := first(
		checkText("messageId", d.ID, maxMessageIDBytes),
		checkText("kind", d.Kind, maxKindBytes),
		checkOptionalText("platformId", in.PlatformID.Value, maxPlatformIDBytes),
		checkOptionalText("channelType", in.ChannelType.Value, maxChannelTypeBytes),
		checkOptionalText("threadId", in.ThreadID.Value, maxThreadIDBytes),
		checkTime("timestamp", in.Timestamp),
		checkTime("processAfter", in.ProcessAfter),
	)
	if err != nil {
		return Draft{}, err
	}
	if in.SourceSessionID != nil {
		err := checkSafeID("sourceSessionId", *in.SourceSessionID)
		if err == nil {
			_, err = e.registry.Session(ctx, *in.SourceSessionID)
		}
		if err != nil {
			return Draft{}, withField(err, "sourceSessionId")
		}
	}
	if in.Timestamp != nil {
		d.Timestamp = *in.Timestamp
	}
	if err := d.schedule(in.ProcessAfter, now); err != nil {
		return Draft{}, err
	}
	if d.Route, err = e.route(ctx, s, in); err != nil {
		return Draft{}, err
	}
	if d.Content, err = parseContent(d.Kind, in.Content); err != nil {
		return Draft{}, err
	}
	if int64(len(d.Content.Text)) > e.limits.ContentBytes {
		return Draft{}, ContentTooLarge(int64(len(d.Content.Text)), e.limits.ContentBytes)
	}
	if len(d.Content.Attachments) > 0 {
		// Beside decoding: whoever puts the attachments away waits for it.
		go d.Hash()
	}
	return d, nil
}

// ContentTooLarge is the error of a content over the limit; sizes in bytes.
func ContentTooLarge(size, limit int64) error {
	return &Error{Code: CodeLimitExceeded, Field: []string{"content"},
		Message: fmt.Sprintf("content has %d bytes, more than the %d that are allowed; send large parts as attachments", size, limit)}
}

func (d *Draft) schedule(processAfter *time.Time, now time.Time) error {
	d.ProcessAfter = processAfter
	switch d.MissedRuns {
	case "":
		d.MissedRuns = MissedOnce
	case MissedOnce, MissedAll, MissedSkip:
	default:
		return InvalidField("missedRuns", "%q is not a policy for missed runs", clip(string(d.MissedRuns)))
	}
	if d.Recurrence == nil {
		if d.TimeZone != nil {
			return InvalidField("timeZone", "a time zone belongs to a recurrence; there is none")
		}
		return nil
	}
	next, err := NextRun(*d.Recurrence, d.TimeZone, now)
	if err != nil {
		return err
	}
	if d.ProcessAfter == nil {
		d.ProcessAfter = &next
	}
	return nil
}

func (e *Engine) route(ctx context.Context, s Session, in WriteMessageInput) (Route, error) {
	r := Route{PlatformID: in.PlatformID.Value, ChannelType: in.ChannelType.Value, ThreadID: in.ThreadID.Value}
	if in.PlatformID.Set && in.ChannelType.Set && in.ThreadID.Set {
		return r, nil
	}
	own, err := e.sessionRoute(ctx, s)
	if err != nil {
		return Route{}, err
	}
	if !in.PlatformID.Set {
		r.PlatformID = own.PlatformID
	}
	if !in.ChannelType.Set {
		r.ChannelType = own.ChannelType
	}
	if !in.ThreadID.Set {
		r.ThreadID = own.ThreadID
	}
	return r, nil
}
