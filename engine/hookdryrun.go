package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// maxDryRunAttachments bounds how many of a stored message's are gone through,
// one after the other.
const maxDryRunAttachments = 20

// DryRunHooksInput says what to try hooks on: a stored message, or an input
// of one's own.
type DryRunHooksInput struct {
	Point HookPoint
	// SessionID gives the scope; with MessageID, which of its messages, or
	// replies, is tried.
	SessionID, MessageID *string
	// Content is a message's; at ON_ATTACHMENT an attachment with its name,
	// mimeType and data.
	Content Omittable[any]
	// Kind "" is "chat".
	Kind string
	// Hook nil is the whole chain; a hook that is named is run also where it
	// is disabled or does not apply.
	Hook *string
}

// HookDryRun is what a dry run came to.
type HookDryRun struct {
	Result HookAction
	// Content is what the last hook left; nil if there is nothing left.
	Content json.RawMessage
	Steps   []HookStep
}

// DryRunHooks runs a chain, or one hook, on fresh instances, and writes
// nothing.
func (e *Engine) DryRunHooks(ctx context.Context, in DryRunHooksInput) (HookDryRun, error) {
	done, err := e.begin()
	if err != nil {
		return HookDryRun{}, err
	}
	defer done()
	if e.hooks == nil {
		return HookDryRun{}, Errorf(CodeUnavailable, "this engine was started without a place for hooks")
	}
	if !slices.Contains(HookPoints(), in.Point) {
		return HookDryRun{}, InvalidField("point", "%q is not a point", clip(string(in.Point)))
	}
	if in.MessageID != nil && in.SessionID == nil {
		return HookDryRun{}, InvalidField("sessionId", "a message is found by its session and its id: give both")
	}
	samples, err := e.dryRunSamples(ctx, in)
	if err != nil {
		return HookDryRun{}, err
	}
	chain, err := e.dryRunChain(ctx, in, samples[0])
	if err != nil {
		return HookDryRun{}, err
	}
	ctx, cancel := context.WithDeadlineCause(ctx, e.hooksUntil(), ErrHookTime)
	defer cancel()
	out := HookDryRun{Result: HookPassed, Steps: []HookStep{}}
	for _, sample := range samples {
		if sample.load != nil {
			if sample.Bytes, err = sample.load(ctx); err != nil {
				return HookDryRun{}, err
			}
		}
		u, err := NewHookSubject(in.Point, sample)
		if err != nil {
			return HookDryRun{}, err
		}
		steps, action, err := e.hooks.DryRun(ctx, HookCall{Point: in.Point, Target: sample.target(in.Point), Subject: u}, chain)
		if err != nil {
			return HookDryRun{}, err
		}
		out.Steps = append(out.Steps, steps...)
		out.Content = u.Describe()
		if action != HookPassed {
			out.Result = action
		}
		switch action {
		case HookDropped, HookRemoved, HookRejected, HookFailed:
			out.Content = nil
		}
		if action == HookRejected || action == HookFailed {
			break
		}
	}
	return out, nil
}

func (s HookSample) target(p HookPoint) HookTarget {
	t := HookTarget{AgentGroupID: s.Session.AgentGroupID, ChannelType: text(s.Message.ChannelType), Kind: s.Message.Kind}
	switch p {
	case HookOnReply:
		t.ChannelType, t.Kind = text(s.Reply.ChannelType), s.Reply.Kind
	case HookOnSession:
		t.ChannelType, t.Kind = text(s.Session.ChannelType), ""
	}
	return t
}

func (e *Engine) dryRunChain(ctx context.Context, in DryRunHooksInput, sample HookSample) ([]HookRecord, error) {
	records, err := e.registry.Hooks(ctx)
	if err != nil {
		return nil, err
	}
	if in.Hook != nil {
		i := slices.IndexFunc(records, func(r HookRecord) bool { return r.Name == *in.Hook })
		if i < 0 {
			return nil, &Error{Code: CodeNotFound, Field: []string{"hook"}, Message: hookNotFound(*in.Hook).Error()}
		}
		if v := records[i].Version(); !slices.Contains(v.Handles, in.Point) {
			return nil, InvalidField("point", "hook %s has nothing to call at %s: it handles %v", *in.Hook, in.Point, v.Handles)
		}
		return records[i : i+1], nil
	}
	t := sample.target(in.Point)
	records = slices.DeleteFunc(records, func(r HookRecord) bool {
		return !r.Enabled || !slices.Contains(r.Points, in.Point) || !t.In(&r.Scope)
	})
	slices.SortFunc(records, func(a, b HookRecord) int { return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Name, b.Name)) })
	return records, nil
}

// dryRunSamples are the inputs that the chain is run on: several only for the
// attachments of a stored message.
func (e *Engine) dryRunSamples(ctx context.Context, in DryRunHooksInput) ([]HookSample, error) {
	var sample HookSample
	s := Session{}
	if in.SessionID != nil {
		var err error
		if s, err = e.registry.Session(ctx, *in.SessionID); err != nil {
			return nil, withField(err, "sessionId")
		}
		route, err := e.sessionRoute(ctx, s)
		if err != nil {
			return nil, err
		}
		sample.Session = hookSession(&s)
		sample.Session.ChannelType, sample.Session.PlatformID = route.ChannelType, route.PlatformID
		sample.Message = HookMessage{ChannelType: route.ChannelType, PlatformID: route.PlatformID, ThreadID: route.ThreadID}
	}
	sample.Message.Kind, sample.Message.Trigger = cmp.Or(in.Kind, "chat"), true
	sample.Message.Timestamp = e.now()
	sample.Reply = sample.Message
	if in.MessageID != nil {
		return e.storedSamples(ctx, in, s, sample)
	}
	if in.Point == HookOnSession {
		return []HookSample{sample}, nil
	}
	if !in.Content.Set {
		return nil, InvalidField("content", "give a content, or a sessionId and a messageId")
	}
	content, err := normalise(in.Content.Value)
	if err != nil {
		return nil, err
	}
	if in.Point == HookOnAttachment {
		sample.Attachment, sample.Bytes, err = e.ownAttachment(ctx, content)
		return []HookSample{sample}, err
	}
	shown, err := encodeJSON(content)
	sample.Message.Content, sample.Reply.Content = json.RawMessage(shown), json.RawMessage(shown)
	return []HookSample{sample}, err
}

func (e *Engine) ownAttachment(ctx context.Context, content any) (HookAttachment, []byte, error) {
	object, ok := content.(map[string]any)
	data, isText := object["data"].(string)
	if !ok || !isText {
		return HookAttachment{}, nil, InvalidField("content", `for ON_ATTACHMENT the content is an object like {"name": "a.jpg", "mimeType": "image/jpeg", "data": "base64"}`)
	}
	a := AttachmentDraft{Element: object, Field: []string{"content"}, Data: &data}
	size, err := e.mailboxes.AttachmentSize(a)
	if err != nil {
		return HookAttachment{}, nil, err
	}
	b, err := e.mailboxes.AttachmentBytes(ctx, a)
	return describe(0, a, size), b, err
}

// storedSamples are of a message, or reply, as it is stored.
func (e *Engine) storedSamples(ctx context.Context, in DryRunHooksInput, s Session, sample HookSample) ([]HookSample, error) {
	if in.Point == HookOnReply {
		r, err := e.mailboxes.Reply(ctx, s, *in.MessageID)
		if err != nil {
			return nil, withField(err, "messageId")
		}
		sample.Reply = HookMessage{ID: r.ID, Kind: r.Kind, PlatformID: r.Route.PlatformID, ChannelType: r.Route.ChannelType,
			ThreadID: r.Route.ThreadID, Content: showText(r.Content)}
		return []HookSample{sample}, nil
	}
	m, err := e.mailboxes.Message(ctx, s, *in.MessageID)
	if err != nil {
		return nil, withField(err, "messageId")
	}
	sample.Message = HookMessage{ID: m.ID, Kind: m.Kind, PlatformID: m.Route.PlatformID, ChannelType: m.Route.ChannelType,
		ThreadID: m.Route.ThreadID, SourceSessionID: m.SourceSessionID, Trigger: m.Trigger, Content: showText(m.Content)}
	if m.Timestamp != nil {
		sample.Message.Timestamp = *m.Timestamp
	}
	if in.Point != HookOnAttachment {
		return []HookSample{sample}, nil
	}
	files, err := e.mailboxes.MessageAttachments(ctx, s, m)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, InvalidField("messageId", "the message has no attachments that could be tried")
	}
	if len(files) > maxDryRunAttachments {
		return nil, &Error{Code: CodeLimitExceeded, Field: []string{"messageId"}, Message: fmt.Sprintf(
			"the message has %d attachments, more than the %d that a dry run goes through: give the attachment to be tried as content", len(files), maxDryRunAttachments)}
	}
	samples := make([]HookSample, len(files))
	for i, a := range files {
		samples[i] = sample
		samples[i].Attachment = HookAttachment{Ref: attachmentRef(i), Name: a.Name, MimeType: a.MimeType}
		samples[i].load = func(ctx context.Context) ([]byte, error) { return e.readAttachment(ctx, s, a) }
	}
	return samples, nil
}

func (e *Engine) readAttachment(ctx context.Context, s Session, a Attachment) (_ []byte, err error) {
	f, err := e.mailboxes.OpenAttachment(ctx, s, a.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	limit := e.limits.AttachmentBytes
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(f, limit+1)); err != nil {
		return nil, Unavailable(err, "an attachment of the message cannot be read")
	}
	if int64(b.Len()) > limit {
		return nil, &Error{Code: CodeLimitExceeded, Field: []string{"messageId"}, Message: "an attachment of the message is too large for a dry run"}
	}
	return b.Bytes(), nil
}
