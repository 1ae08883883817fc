package engine

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"
)

// replacedAttachments of the greatest size are what hooks may make of one
// message's.
const replacedAttachments = 4

// AttachmentSource reads what an attachment brings before it is put away.
type AttachmentSource interface {
	// AttachmentSize is in bytes; of base64 that is malformed, about that.
	// What is too large is CodeLimitExceeded, an unknown upload CodeNotFound.
	AttachmentSize(a AttachmentDraft) (int64, error)
	// AttachmentBytes also fails with CodeInvalidInput, for base64 that is none.
	AttachmentBytes(ctx context.Context, a AttachmentDraft) ([]byte, error)
	// Scratch makes a file that has no name: closing it removes it.
	Scratch() (*os.File, error)
}

// runMessageHooks takes a draft through the hooks at on_message and
// on_attachment, which may change it, drop it or refuse it.
func (e *Engine) runMessageHooks(ctx context.Context, s Session, d *Draft) error {
	if e.hooks == nil {
		return nil
	}
	return e.runMessageHooksUntil(ctx, e.hooksUntil(), &s, d)
}

// runMessageHooksUntil is runMessageHooks for one of several messages, whose
// hooks have their time together. There is a host.
func (e *Engine) runMessageHooksUntil(ctx context.Context, until time.Time, s *Session, d *Draft) error {
	t := HookTarget{AgentGroupID: s.AgentGroupID, ChannelType: text(d.Route.ChannelType), Kind: d.Kind}
	onMessage := e.hooks.Applies(HookOnMessage, t)
	onAttachment := len(d.Content.Attachments) > 0 && e.hooks.Applies(HookOnAttachment, t)
	if !onMessage && !onAttachment {
		return nil
	}
	if !d.Made {
		if known, err := e.mailboxes.Accepted(ctx, *s, d.ID); err != nil || known {
			return err // a replay is answered with the first result
		}
	}
	if d.Recurrence != nil {
		d.given = new(d.Content.clone())
	}
	d.trace = e.tracer.begin(s, DirectionIn, d.ID, d.received)
	if onMessage {
		if err := e.runOnMessage(ctx, until, s, d, t); err != nil || d.Dropped {
			return err
		}
	}
	if onAttachment {
		return e.runOnAttachments(ctx, until, s, d, t)
	}
	return nil
}

func (e *Engine) runOnMessage(ctx context.Context, until time.Time, s *Session, d *Draft, t HookTarget) error {
	if err := d.Content.settle(); err != nil {
		return err
	}
	sizes := make([]int64, len(d.Content.Attachments))
	for i, a := range d.Content.Attachments {
		var err error
		if sizes[i], err = e.mailboxes.AttachmentSize(a); err != nil {
			return err
		}
	}
	u := &d.subject
	*u = contentSubject{point: HookOnMessage, session: s.shownToHooks(), end: s.shownEnd(d), draft: d, limit: e.limits.ContentBytes, trace: d.trace}
	if err := u.show(sizes); err != nil {
		return err
	}
	action, err := e.hooks.Run(ctx, HookCall{HookOnMessage, t, u, d.trace, until})
	if err != nil {
		return err
	}
	d.Dropped = action == HookDropped
	if u.replaced {
		d.replaced = int64(len(u.shown))
	}
	*u = contentSubject{} // what was shown need not wait for the disk
	return nil
}

// settle makes of a text that holds an object with a key twice what most
// readers take it for: a hook that judged one value would let the other by.
func (c *Content) settle() error {
	if !c.repeats {
		return nil
	}
	text, err := encodeJSON(c.held)
	c.Text, c.repeats = text, false
	return err
}

func (e *Engine) runOnAttachments(ctx context.Context, until time.Time, s *Session, d *Draft, t HookTarget) error {
	head := attachmentHead(s.shownToHooks(), d)
	d.spill = &spill{open: e.mailboxes.Scratch}
	var removed []int
	// What hooks replace is held until it is written, and a message has many
	// attachments.
	room := replacedAttachments * e.limits.AttachmentBytes
	kept := make([]AttachmentDraft, 0, len(d.Content.Attachments))
	for i, a := range d.Content.Attachments {
		size, err := e.mailboxes.AttachmentSize(a)
		if err != nil {
			return err
		}
		u := &attachmentSubject{head: head, about: describe(i, a, size), limit: min(e.limits.AttachmentBytes, room), trace: d.trace, spill: d.spill}
		u.read = func(ctx context.Context) ([]byte, error) { return e.mailboxes.AttachmentBytes(ctx, a) }
		ran := d.trace.len()
		action, err := e.hooks.Run(ctx, HookCall{HookOnAttachment, t, u, d.trace, until})
		if err != nil {
			return err
		}
		if action == HookRemoved {
			d.trace.removed(ran, i+1, u.about.Size)
			removed = append(removed, a.At)
			continue
		}
		d.trace.attachment(ran, i+1, u.about.Name)
		if u.replaced {
			room -= u.about.Size
		}
		if a.Spilled = u.spilled; a.Spilled == nil && (u.replaced || a.Data != nil) {
			a.Bytes = u.bytes // nil if no hook came to read them
		}
		if u.renamed || u.retyped || u.replaced {
			d.Hash() // the element is the sender's
			if u.renamed {
				a.Element["name"] = u.about.Name
			}
			if u.retyped {
				a.Element["mimeType"] = *u.about.MimeType
			}
			if _, ok := a.Element["size"]; ok && u.replaced {
				a.Element["size"] = u.about.Size
			}
		}
		kept = append(kept, a)
	}
	if len(removed) > 0 {
		return d.without(removed, kept)
	}
	d.Content.Attachments = kept
	return nil
}

func describe(i int, a AttachmentDraft, size int64) HookAttachment {
	about := HookAttachment{Ref: attachmentRef(i), Size: size}
	about.Name, _ = a.Element["name"].(string)
	if mimeType, ok := a.Element["mimeType"].(string); ok {
		about.MimeType = &mimeType
	}
	return about
}

// without takes the elements at some indexes from the content's attachments.
func (d *Draft) without(removed []int, kept []AttachmentDraft) (err error) {
	object := maps.Clone(d.Content.value.(map[string]any))
	list := object["attachments"].([]any)
	left := make([]any, 0, len(list))
	for i, element := range list {
		if !slices.Contains(removed, i) {
			left = append(left, element)
		}
	}
	object["attachments"] = left
	d.Content.value, d.Content.Attachments = object, kept
	for i, a := range kept {
		gone := 0
		for _, r := range removed {
			if r < a.At {
				gone++
			}
		}
		d.Content.Attachments[i].At = a.At - gone
	}
	if len(kept) == 0 {
		d.Content.Text, err = d.Content.Encode()
	}
	return err
}
