package agent

import (
	"bytes"
	"encoding/json"
	"strings"
)

// contentOf makes a reply's content of what the command printed and of the
// files that it left: a JSON object is taken as it is, made compact; anything
// else is text. It is "" when there is nothing to say.
//
// An object whose text is not a string is text too: such content crashes
// containers of other agents when it is passed on to them.
func contentOf(stdout []byte, files []string) (string, error) {
	out := strings.TrimSpace(valid(string(stdout)))
	if out == "" && len(files) == 0 {
		return "", nil
	}
	if object, ok := replyObject(out); ok {
		return withFiles(out, object, files)
	}
	content := struct {
		Text  string   `json:"text"`
		Files []string `json:"files,omitempty"`
	}{out, files}
	b, err := encodeJSON(content)
	return string(b), err
}

func replyObject(out string) (map[string]json.RawMessage, bool) {
	var object map[string]json.RawMessage
	if !strings.HasPrefix(out, "{") || json.Unmarshal([]byte(out), &object) != nil {
		return nil, false
	}
	if text, present := object["text"]; present {
		var s *string
		if json.Unmarshal(text, &s) != nil || s == nil {
			return nil, false
		}
	}
	return object, true
}

// withFiles adds the files to an object that does not choose among them
// itself, and leaves the order of its members alone.
func withFiles(out string, object map[string]json.RawMessage, files []string) (string, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(out)); err != nil {
		return "", err
	}
	if _, chosen := object["files"]; chosen || len(files) == 0 {
		return b.String(), nil
	}
	names, err := encodeJSON(files)
	if err != nil {
		return "", err
	}
	b.Truncate(b.Len() - len("}"))
	if len(object) > 0 {
		b.WriteByte(',')
	}
	b.WriteString(`"files":`)
	b.Write(names)
	b.WriteByte('}')
	return b.String(), nil
}
