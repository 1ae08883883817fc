package model

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"github.com/twinbox/twinbox/engine"
)

// StoredJSON is the text of a stored content, which may be JSON or not.
type StoredJSON string

// MarshalJSON writes a StoredJSON that is an object or array as it stands, and
// any other as a string. A json.RawMessage, which is to be JSON, is written as
// it stands, and as null if it is empty. Other values are encoded.
func MarshalJSON(v any) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		switch v := v.(type) {
		case StoredJSON:
			v.write(w)
			return
		case json.RawMessage:
			writeRaw(w, v)
			return
		}
		b, err := json.Marshal(v)
		if err != nil {
			b = []byte("null")
		}
		_, _ = w.Write(b)
	})
}

func writeRaw(w io.Writer, raw json.RawMessage) {
	switch {
	case len(raw) == 0:
		raw = json.RawMessage("null")
	case !utf8.Valid(raw):
		raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	}
	_, _ = w.Write(raw)
}

func (s StoredJSON) write(w io.Writer) {
	text := strings.TrimLeft(string(s), " \t\r\n")
	// A container may have written it, and Go's scanner lets bytes pass in
	// strings that are not UTF-8.
	if text != "" && (text[0] == '{' || text[0] == '[') && utf8.ValidString(text) {
		if b := []byte(text); json.Valid(b) {
			_, _ = w.Write(b)
			return
		}
	}
	MarshalString(string(s)).MarshalGQL(w)
}

// UnmarshalJSON returns a value of its own, in the form in which a JSON
// decoder with UseNumber gives it: the engine changes what it is given, while
// a variable may be used twice; and a replay is to be known whether its value
// came as a variable or as a literal.
func UnmarshalJSON(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, json.Number:
		return v, nil
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), nil
	case float64:
		b, err := json.Marshal(v)
		if err != nil {
			return nil, engine.Errorf(engine.CodeInvalidInput, "%v is not a number of JSON", v)
		}
		return json.Number(b), nil
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			var err error
			if list[i], err = UnmarshalJSON(e); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		object := make(map[string]any, len(v))
		for k, e := range v {
			var err error
			if object[k], err = UnmarshalJSON(e); err != nil {
				return nil, err
			}
		}
		return object, nil
	}
	return nil, engine.Errorf(engine.CodeInvalidInput, "%T is not a JSON value", v)
}
