package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/twinbox/twinbox/engine/internal/jsonvalue"
)

// Content is a message's content, checked, with the attachments that bring
// bytes taken note of.
type Content struct {
	// Text is what is stored when there are no attachments to be put away.
	Text string
	// Attachments are to be put away: each Element gets its name and localPath
	// and loses data and uploadId; then Encode gives the text to store.
	Attachments []AttachmentDraft

	value any
	// held is the object or list that Text holds, where it was given as text.
	held any
	// repeats: an object in held was given with a key twice.
	repeats bool
}

// AttachmentDraft is an attachment that brings bytes, as base64 or by the id
// of an upload. Exactly one of Data and UploadID is set.
type AttachmentDraft struct {
	// Element is the attachment's JSON object, part of its Content.
	Element map[string]any
	// At is its index in content.attachments.
	At int
	// Field is its path in the input, "content" first.
	Field    []string
	Data     *string
	UploadID *string
	// Bytes are what to store in place of what Data and UploadID stand for, if
	// not nil. An upload is taken all the same. So is Spilled, for what is large.
	Bytes   []byte
	Spilled *io.SectionReader
}

// Encode returns the content as compact JSON, after attachments were put away.
func (c Content) Encode() (string, error) { return encodeJSON(c.value) }

// parseContent checks a message's content by the protocol's rules ("Content").
// content is what a JSON decoder makes: maps, slices, strings, numbers.
func parseContent(kind string, content any) (Content, error) {
	s, isString := content.(string)
	if !isString {
		return parseContentValue(kind, content)
	}
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return Content{}, InvalidField("content", "content is not valid text: it has a NUL or is not UTF-8")
	}
	value, repeats, isJSON, err := parseJSON(s)
	if err != nil {
		return Content{}, err
	}
	if object, ok := value.(map[string]any); ok && (bringsBytes(object) || repeats && mayNameAttachments(s)) {
		// Text that holds JSON is stored as it stands, except that no base64
		// may stay behind, nor under a key that is given twice.
		return parseContentValue(kind, object)
	}
	if guarded(kind) && isJSON && !chatObject(value) {
		wrapped := map[string]any{"text": s}
		text, err := encodeJSON(wrapped)
		return Content{Text: text, held: wrapped}, err
	}
	return Content{Text: s, held: structured(value), repeats: repeats}, nil
}

// structured is an object or a list, else nil.
func structured(value any) any {
	switch value.(type) {
	case map[string]any, []any:
		return value
	}
	return nil
}

func parseContentValue(kind string, content any) (Content, error) {
	content, err := normalise(content)
	if err != nil {
		return Content{}, err
	}
	if guarded(kind) && !chatObject(content) {
		if _, ok := content.(map[string]any); ok {
			return Content{}, &Error{Code: CodeInvalidInput, Field: []string{"content", "text"},
				Message: "text of a " + kind + " message must be a string"}
		}
		return Content{}, InvalidField("content", "content of a %s message must be an object or a string", kind)
	}
	c := Content{value: content}
	if object, ok := content.(map[string]any); ok {
		if c.Attachments, err = findAttachments(object); err != nil {
			return Content{}, err
		}
	}
	if len(c.Attachments) == 0 {
		c.Text, err = c.Encode()
	}
	return c, err
}

// guarded tells the kinds for which some containers crash, at every start, on
// JSON that is not an object or whose text is not a string.
func guarded(kind string) bool { return kind == "chat" || kind == "task" }

func chatObject(v any) bool {
	object, ok := v.(map[string]any)
	if !ok {
		return false
	}
	text, present := object["text"]
	_, isString := text.(string)
	return !present || isString
}

func findAttachments(content map[string]any) ([]AttachmentDraft, error) {
	list, _ := content["attachments"].([]any)
	var drafts []AttachmentDraft
	for i, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			continue
		}
		d := AttachmentDraft{Element: object, At: i, Field: []string{"content", "attachments", strconv.Itoa(i)}}
		for _, f := range []struct {
			name string
			to   **string
		}{{"data", &d.Data}, {"uploadId", &d.UploadID}} {
			v, present := object[f.name]
			if !present || v == nil {
				delete(object, f.name)
				continue
			}
			s, ok := v.(string)
			if !ok {
				return nil, InvalidField(f.name, "%s of an attachment must be a string", f.name).In(d.Field...)
			}
			*f.to = &s
		}
		switch {
		case d.Data != nil && d.UploadID != nil:
			return nil, InvalidField("uploadId", "give data or uploadId, not both").In(d.Field...)
		case d.Data != nil || d.UploadID != nil:
			drafts = append(drafts, d)
		}
		if len(drafts) > maxAttachments {
			return nil, &Error{Code: CodeLimitExceeded, Field: []string{"content", "attachments"},
				Message: fmt.Sprintf("more than %d attachments in one message", maxAttachments)}
		}
	}
	return drafts, nil
}

// StoredContentProblem says what is wrong with a message's content as it lies
// in a mailbox (protocol: "Content"); "" is nothing.
func StoredContentProblem(kind, text string) string {
	value, isJSON, err := readJSON(text)
	if err != nil {
		return err.Error()
	}
	if guarded(kind) && isJSON && !chatObject(value) {
		return "content is JSON that makes some containers crash: for " + kind + " it must be an object whose text is a string, or plain text"
	}
	if object, ok := value.(map[string]any); ok && bringsBytes(object) {
		return "content has an attachment that was not put away: its data or uploadId is still there"
	}
	return ""
}

func bringsBytes(content map[string]any) bool {
	list, _ := content["attachments"].([]any)
	for _, element := range list {
		if object, ok := element.(map[string]any); ok {
			if object["data"] != nil || object["uploadId"] != nil {
				return true
			}
		}
	}
	return false
}

func mayNameAttachments(s string) bool {
	return strings.Contains(s, "attachments") || strings.Contains(s, `\u`)
}

// maxDepth is how deeply a decoder follows JSON; what nests deeper is JSON
// to other readers, and not an object with a text as far as we can tell.
const maxDepth = 10000

// maxValues bounds what decoding a content costs: a value of two bytes takes a
// hundred in memory, and most of a microsecond.
const maxValues = 250_000

func errTooManyValues() error {
	return &Error{Code: CodeLimitExceeded, Field: []string{"content"},
		Message: fmt.Sprintf("content is JSON of more than the %d values that are allowed; send it as an attachment", maxValues)}
}

// decodeJSON is readJSON for who has no use for what is refused.
func decodeJSON(s string) (value any, isJSON bool) {
	value, isJSON, _ = readJSON(s)
	return value, isJSON
}

// readJSON is parseJSON for who does not mind keys that are there twice.
func readJSON(s string) (value any, isJSON bool, err error) {
	value, _, isJSON, err = parseJSON(s)
	return value, isJSON, err
}

// parseJSON reads s as JSON. isJSON is true for all that a reader might take for
// JSON. JSON of too many values is refused, not taken for plain text: hooks
// would look at it as a text, and a container at what it holds. repeats tells
// whether an object in it has a key twice: of these, value has the last only.
func parseJSON(s string) (value any, repeats, isJSON bool, err error) {
	start := strings.TrimLeft(s, " \t\r\n")
	if start == "" || !strings.ContainsRune(`{["-0123456789ntf`, rune(start[0])) {
		return nil, false, false, nil
	}
	switch value, repeats, err = jsonvalue.Parse(s, maxValues); {
	case err == nil:
		return value, repeats, true, nil
	case errors.Is(err, jsonvalue.ErrTooMany) && json.Valid([]byte(s)):
		return nil, false, true, errTooManyValues()
	}
	deep := (start[0] == '[' || start[0] == '{') && strings.Count(s, "[")+strings.Count(s, "{") > maxDepth
	return nil, false, deep, nil
}

// normalise turns what a Go caller may pass as JSON into what a decoder makes.
func normalise(v any) (any, error) {
	count := 0
	if decoded(v, &count) {
		return v, nil
	}
	if count > maxValues {
		return nil, errTooManyValues()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, InvalidField("content", "content cannot be written as JSON")
	}
	out, ok, err := readJSON(string(b))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, InvalidField("content", "content cannot be written as JSON")
	}
	return out, nil
}

// decoded tells whether v is made of what a decoder makes, and of no more than
// maxValues, which it counts.
func decoded(v any, count *int) bool {
	if *count++; *count > maxValues {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			if !decoded(e, count) {
				return false
			}
		}
		return true
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !decoded(e, count) })
	case string, json.Number, float64, bool, nil:
		return true
	}
	return false
}

// encodeJSON writes compact JSON without HTML escapes: some readers search it as text.
func encodeJSON(v any) (string, error) {
	b, err := jsonvalue.Append(make([]byte, 0, 256), v)
	if err != nil {
		return "", InvalidField("content", "content cannot be written as JSON")
	}
	return string(b), nil
}
