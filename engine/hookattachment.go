package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

const maxFileNameBytes = 255

// attachmentSubject is an attachment on its way through hooks.
type attachmentSubject struct {
	// head is the input up to the attachment.
	head  []byte
	about HookAttachment
	limit int64 // of the bytes that a hook may put in place of those
	// read brings the bytes, if it is not nil and bytes is.
	read  func(context.Context) ([]byte, error)
	bytes []byte

	renamed, retyped, replaced bool
	// spill keeps what is large of what hooks put in place of bytes, which is
	// then spilled; nil if that is held.
	spill   *spill
	spilled *io.SectionReader
	// trace is told what is replaced, if not nil.
	trace *HookTrace
}

func attachmentHead(session string, d *Draft) []byte {
	b := append(appendPoint(make([]byte, 0, 512), HookOnAttachment), `"session":`...)
	b = d.appendShown(append(append(b, session...), `,"message":{`...))
	return append(b, `},"attachment":`...)
}

func (u *attachmentSubject) InputBytes() int64 { return int64(len(u.head)) + 512 + u.about.Size }

func (u *attachmentSubject) AppendInput(ctx context.Context, b []byte) ([]byte, error) {
	if u.unread() {
		data, err := u.read(ctx)
		if err != nil {
			return b, err
		}
		u.bytes, u.about.Size = data, int64(len(data))
	}
	b = appendFrame(b, func(b []byte) []byte { return append(u.about.append(append(b, u.head...)), '}') })
	return append(b, u.bytes...), nil
}

func (u *attachmentSubject) unread() bool { return u.read != nil && u.bytes == nil }

// Release lets go of bytes that can be read again.
func (u *attachmentSubject) Release() {
	if u.read != nil {
		u.bytes = nil
	}
}

// Describe has the bytes' hash: equal hashes are equal bytes.
func (u *attachmentSubject) Describe() json.RawMessage {
	b := u.about.append(nil)
	if !u.unread() {
		sum := sha256.Sum256(u.bytes)
		b = append(b[:len(b)-1], `,"sha256":"`...)
		b = append(hex.AppendEncode(b, sum[:]), `"}`...)
	}
	return b
}

// Replace takes a new name, type and bytes, whichever there are.
func (u *attachmentSubject) Replace(a HookAnswer) error {
	if a.Name != nil {
		if err := checkText("name", *a.Name, maxFileNameBytes); err != nil {
			return fmt.Errorf("its answer's %w", err)
		}
	}
	if a.MimeType != nil {
		if err := checkText("mimeType", *a.MimeType, maxFileNameBytes); err != nil {
			return fmt.Errorf("its answer's %w", err)
		}
	}
	if size := int64(len(a.Bytes)); a.ReplaceBytes && size > u.limit {
		return fmt.Errorf("its answer has %d bytes, more than the %d that an attachment may have, or that are left for what hooks replace in one message", size, u.limit)
	}
	changes := u.changes(a)
	if a.ReplaceBytes {
		if err := u.put(a.Bytes); err != nil {
			return Unavailable(err, "what a hook made of an attachment cannot be kept")
		}
	}
	u.trace.change(changes)
	if a.Name != nil {
		u.about.Name, u.renamed = *a.Name, true
	}
	if a.MimeType != nil {
		u.about.MimeType, u.retyped = a.MimeType, true
	}
	return nil
}

// put has b in place of the bytes.
func (u *attachmentSubject) put(b []byte) error {
	if u.spill == nil || len(b) <= maxHeldBytes {
		u.bytes, u.read, u.spilled = append([]byte{}, b...), nil, nil
	} else {
		section, err := u.spill.add(b, u.spilled)
		if err != nil {
			return err
		}
		u.bytes, u.spilled = nil, section
		u.read = func(context.Context) ([]byte, error) {
			data := make([]byte, section.Size())
			if _, err := section.ReadAt(data, 0); err != nil {
				return nil, Unavailable(err, "what a hook made of an attachment cannot be read")
			}
			return data, nil
		}
	}
	u.about.Size, u.replaced = int64(len(b)), true
	return nil
}

// changes are what an answer is about to change.
func (u *attachmentSubject) changes(a HookAnswer) (c []HookChange) {
	if u.trace == nil {
		return nil
	}
	add := func(path string, before, after int) {
		b, a := int64(before), int64(after)
		c = append(c, HookChange{Path: path, Before: &b, After: &a})
	}
	if a.Name != nil && *a.Name != u.about.Name {
		add("name", len(u.about.Name), len(*a.Name))
	}
	if a.MimeType != nil && *a.MimeType != text(u.about.MimeType) {
		add("mimeType", len(text(u.about.MimeType)), len(*a.MimeType))
	}
	if a.ReplaceBytes && !bytes.Equal(a.Bytes, u.bytes) {
		add("bytes", len(u.bytes), len(a.Bytes))
	}
	return c
}
