package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twinbox/twinbox/engine/internal/jsonvalue"
)

// contentSubject is a message or a reply on its way through hooks. The
// sender's values are read only: they may be hashed meanwhile.
type contentSubject struct {
	point   HookPoint
	session string // as it is shown
	// end is how the input ends; "" if that is to be made.
	end   string
	draft *Draft // message or reply; its content may be replaced
	limit int64  // of the content, in bytes

	replaced bool
	shown    string // the content as hooks see it
	// given are the attachments that bring bytes, as hooks know them, by ref.
	given map[string]givenAttachment
	// own are refs that the sender's other attachments have, once it is asked.
	own map[string]bool
	// trace is told what is replaced, if not nil.
	trace *HookTrace
}

type givenAttachment struct {
	AttachmentDraft
	size int64
}

// show makes what hooks see of the content, of whose attachments sizes has the
// sizes in bytes.
func (u *contentSubject) show(sizes []int64) error {
	value := u.draft.Content.readable()
	if len(u.draft.Content.Attachments) == 0 {
		u.shown = u.draft.Content.show(value)
		return nil
	}
	object, _ := value.(map[string]any)
	list, _ := object["attachments"].([]any)
	return u.showAttachments(object, list, sizes)
}

// showAttachments gives those that bring bytes a ref in place of these.
func (u *contentSubject) showAttachments(object map[string]any, list []any, sizes []int64) error {
	u.given = map[string]givenAttachment{}
	object, list = maps.Clone(object), slices.Clone(list)
	for i, a := range u.draft.Content.Attachments {
		element := maps.Clone(a.Element)
		delete(element, "data")
		delete(element, "uploadId")
		ref := attachmentRef(i)
		element["ref"], element["size"] = ref, sizes[i]
		u.given[ref] = givenAttachment{a, sizes[i]}
		list[a.At] = element
	}
	object["attachments"] = list
	var err error
	u.shown, err = encodeJSON(object)
	return err
}

// otherRefs are those of attachments that bring no bytes.
func (c Content) otherRefs() map[string]bool {
	object, _ := c.readable().(map[string]any)
	list, _ := object["attachments"].([]any)
	refs := map[string]bool{}
	for i, element := range list {
		if ref, ok := refOf(element); ok && !slices.ContainsFunc(c.Attachments, func(a AttachmentDraft) bool { return a.At == i }) {
			refs[ref] = true
		}
	}
	return refs
}

func refOf(element any) (string, bool) {
	object, _ := element.(map[string]any)
	ref, ok := object["ref"].(string)
	return ref, ok
}

// readable is the content as a container reads it: as JSON, whether its sender
// sent an object or list, or a text that holds one. nil is a text.
func (c Content) readable() any {
	if c.value != nil {
		return c.value
	}
	return c.held
}

// show is what hooks see of a content without attachments that bring bytes.
func (c Content) show(readable any) string {
	if readable == nil {
		return string(jsonvalue.AppendText(nil, c.Text))
	}
	return c.Text
}

// showText is what hooks see of a content as it is stored.
func showText(text string) json.RawMessage {
	value, _ := decodeJSON(text)
	return json.RawMessage(Content{Text: text}.show(structured(value)))
}

func (u *contentSubject) InputBytes() int64 { return int64(len(u.shown)) }

// AppendInput puts the content first, which is what hooks look at: those that
// read no further than they must have not far to go.
func (u *contentSubject) AppendInput(_ context.Context, b []byte) ([]byte, error) {
	start := `{"abi":1,"point":"on_message","message":{"content":`
	if u.point == HookOnReply {
		start = `{"abi":1,"point":"on_reply","reply":{"content":`
	}
	b = append(append(b, start...), u.shown...)
	b = u.draft.appendOwn(append(b, ','))
	if u.end == "" {
		return u.draft.appendEnd(b, u.session), nil
	}
	return append(b, u.end...), nil
}

// Release has nothing to let go of.
func (u *contentSubject) Release() {}

func (u *contentSubject) Describe() json.RawMessage { return json.RawMessage(u.shown) }

// Replace takes a new content. Attachments that bring bytes are known by
// their refs; those that are not there are removed.
func (u *contentSubject) Replace(a HookAnswer) error {
	if a.Content == nil {
		return errors.New(`its answer has the action "replace" and no content`)
	}
	value, ok, err := readJSON(string(a.Content))
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("its content is not JSON")
	}
	shown := ""
	if len(u.given) > 0 { // claim takes the refs out
		if shown, err = encodeJSON(value); err != nil {
			return err
		}
	}
	// Before more is made of it: a text may hold JSON.
	if size := int64(max(len(a.Content), len(shown))); size > u.limit {
		return fmt.Errorf("its content has %d bytes, more than the %d that are allowed", size, u.limit)
	}
	var changes []HookChange
	if u.trace != nil { // before claim changes the value
		changes = contentChanges(u.before(), value)
	}
	attachments, err := u.claim(value)
	if err != nil {
		return err
	}
	c, err := parseContent(u.draft.Kind, value)
	if err == nil {
		err = c.settle() // for the hooks that follow
	}
	if err != nil {
		return fmt.Errorf("its content cannot be stored: %w", err)
	}
	if len(c.Attachments) > 0 {
		return errors.New("its content has an attachment with data or an uploadId: a hook can keep attachments, by their ref, and bring none")
	}
	if len(attachments) == 0 {
		shown = c.show(c.readable())
	}
	c.Attachments = attachments
	u.draft.Content, u.shown, u.replaced = c, shown, true
	u.trace.change(changes)
	return nil
}

// before is the content as the next hook sees it.
func (u *contentSubject) before() any {
	if len(u.given) > 0 {
		value, _ := decodeJSON(u.shown) // it was written here
		return value
	}
	if value := u.draft.Content.readable(); value != nil {
		return value
	}
	return u.draft.Content.Text
}

// claim finds the attachments that a hook kept, and makes of each what is
// stored: without what was there for hooks only.
func (u *contentSubject) claim(value any) ([]AttachmentDraft, error) {
	if !u.replaced {
		u.own = u.draft.Content.otherRefs()
	}
	object, _ := value.(map[string]any)
	list, _ := object["attachments"].([]any)
	var kept []AttachmentDraft
	used := map[string]bool{}
	for i, element := range list {
		ref, ok := refOf(element)
		if !ok {
			continue
		}
		given, ok := u.given[ref]
		switch {
		case !ok && u.own[ref]:
			continue
		case !ok:
			return nil, fmt.Errorf("attachments[%d] of its content has the ref %q, which no attachment has", i, clip(ref))
		case used[ref]:
			return nil, fmt.Errorf("attachments[%d] of its content has the ref %q, which another has already", i, clip(ref))
		}
		used[ref] = true
		e := element.(map[string]any)
		if e["data"] != nil || e["uploadId"] != nil {
			return nil, fmt.Errorf("attachments[%d] of its content has data or an uploadId: a hook changes bytes at on_attachment", i)
		}
		for _, name := range []string{"ref", "size", "data", "uploadId"} {
			delete(e, name)
		}
		for _, name := range []string{"ref", "size"} {
			if v, ok := given.Element[name]; ok {
				e[name] = v
			}
		}
		draft := given.AttachmentDraft
		draft.Element, draft.At = e, i
		kept = append(kept, draft)
	}
	return kept, nil
}
