package hook

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// Answer is what becomes of what a hook was called for. The zero Answer passes.
type Answer struct {
	action, reason string
	content        []byte
	labels         []string
	isLabels       bool

	isFile, isNew  bool // of an attachment that is kept, or replaced
	bytes          []byte
	name, mimeType *string
}

// Pass lets it go on as it is.
func Pass() Answer { return Answer{} }

// Drop takes a message, or a reply, away: its sender sees it accepted.
func Drop() Answer { return Answer{action: "drop"} }

// Reject refuses it; the reason is for its sender.
func Reject(reason string) Answer { return Answer{action: "reject", reason: reason} }

// Rejectf is Reject with a formatted reason.
func Rejectf(format string, args ...any) Answer { return Reject(fmt.Sprintf(format, args...)) }

// Replace puts content in the place of a message's or reply's. It is encoded as
// JSON; a json.RawMessage is taken as it is. Content that cannot be encoded is a
// mistake of the program, and panics.
func Replace(content any) Answer {
	raw, ok := content.(json.RawMessage)
	if !ok {
		var err error
		if raw, err = json.Marshal(content); err != nil {
			panic(err)
		}
	}
	return Answer{action: "replace", content: raw}
}

// Labels gives a session its labels, in place of those it has.
func Labels(labels ...string) Answer {
	return Answer{action: "replace", labels: labels, isLabels: true}
}

// Remove takes an attachment away from its message.
func Remove() Answer { return Answer{action: "remove"} }

// Keep leaves an attachment's bytes as they are; WithName and WithMimeType
// change the rest.
func Keep() Answer { return Answer{action: "replace", isFile: true} }

// ReplaceBytes gives an attachment new bytes, which hold until the call is over.
func ReplaceBytes(b []byte) Answer {
	return Answer{action: "replace", isFile: true, isNew: true, bytes: b}
}

// WithName gives an attachment a name, with Keep or ReplaceBytes.
func (a Answer) WithName(name string) Answer {
	a.name = &name
	return a
}

// WithMimeType gives an attachment a type, with Keep or ReplaceBytes.
func (a Answer) WithMimeType(mimeType string) Answer {
	a.mimeType = &mimeType
	return a
}

// Append appends the answer as the engine reads it, but for bytes: nothing for
// a pass.
func (a Answer) Append(b []byte) []byte {
	if a.action == "" {
		return b
	}
	b = append(append(append(b, `{"action":"`...), a.action...), '"')
	switch {
	case a.action == "reject":
		b = appendQuoted(append(b, `,"reason":`...), a.reason)
	case a.isLabels:
		b = append(b, `,"labels":[`...)
		for i, l := range a.labels {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendQuoted(b, l)
		}
		b = append(b, ']')
	case a.content != nil:
		b = append(append(b, `,"content":`...), a.content...)
	case a.isFile:
		how := "keep"
		if a.isNew {
			how = "replace"
		}
		b = append(append(append(b, `,"bytes":"`...), how...), '"')
		if a.name != nil {
			b = appendQuoted(append(b, `,"name":`...), *a.name)
		}
		if a.mimeType != nil {
			b = appendQuoted(append(b, `,"mimeType":`...), *a.mimeType)
		}
	}
	return append(b, '}')
}

// AppendFrame appends the answer to on_attachment: the length of what Append
// appends, that, and the bytes.
func (a Answer) AppendFrame(b []byte) []byte {
	start := len(b)
	b = a.Append(append(b, 0, 0, 0, 0))
	size := len(b) - start - 4
	if size == 0 {
		return b[:start]
	}
	binary.LittleEndian.PutUint32(b[start:], uint32(size))
	return append(b, a.bytes...)
}

// Bytes are an attachment's new ones, for tests.
func (a Answer) Bytes() []byte { return a.bytes }

// String is the answer without bytes, for tests.
func (a Answer) String() string {
	if a.action == "" {
		return `{"action":"pass"}`
	}
	return string(a.Append(nil))
}
