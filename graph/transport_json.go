package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxJSONDepth = 512
	// maxJSONValues bounds how much larger values get than their text: "{}," is
	// three bytes, and an empty map some fifty.
	maxJSONValues = 1_000_000
)

var (
	errJSON      = errors.New("not JSON")
	errJSONLarge = errors.New("JSON with too many values, or too deep")
)

// parseJSON reads one JSON value as encoding/json does into an any with
// UseNumber, except that it refuses what is not UTF-8, and that no error says
// anything of the input. It is here because a body of 48 MiB is read by it:
// it makes one copy of each string, where a json.Decoder copies the body
// first, and it is bounded in what it allocates. Nothing refers to data.
func parseJSON(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, errJSON
	}
	r := jsonReader{data: data}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.peek(); r.pos != len(data) {
		return nil, errJSON
	}
	return v, nil
}

type jsonReader struct {
	data   []byte
	pos    int
	values int
}

// peek skips white space and returns the next byte, or 0 at the end.
func (r *jsonReader) peek() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take skips white space and then c, if it is next.
func (r *jsonReader) take(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

func (r *jsonReader) value(depth int) (any, error) {
	if r.values++; r.values > maxJSONValues || depth > maxJSONDepth {
		return nil, errJSONLarge
	}
	switch c := r.peek(); c {
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	case '"':
		return r.string()
	case 't':
		return true, r.literal("true")
	case 'f':
		return false, r.literal("false")
	case 'n':
		return nil, r.literal("null")
	default:
		return r.number()
	}
}

func (r *jsonReader) object(depth int) (any, error) {
	r.pos++
	m := map[string]any{}
	if r.take('}') {
		return m, nil
	}
	for {
		if r.peek() != '"' {
			return nil, errJSON
		}
		name, err := r.string()
		if err != nil {
			return nil, err
		}
		if !r.take(':') {
			return nil, errJSON
		}
		if m[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
		if r.take('}') {
			return m, nil
		}
		if !r.take(',') {
			return nil, errJSON
		}
	}
}

func (r *jsonReader) array(depth int) (any, error) {
	r.pos++
	list := []any{}
	if r.take(']') {
		return list, nil
	}
	for {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if r.take(']') {
			return list, nil
		}
		if !r.take(',') {
			return nil, errJSON
		}
	}
}

func (r *jsonReader) literal(s string) error {
	if !bytes.HasPrefix(r.data[r.pos:], []byte(s)) {
		return errJSON
	}
	r.pos += len(s)
	return nil
}

func (r *jsonReader) number() (any, error) {
	start := r.pos
	r.skip('-')
	if !r.skip('0') && !r.digits() {
		return nil, errJSON
	}
	if r.skip('.') && !r.digits() {
		return nil, errJSON
	}
	if r.skip('e') || r.skip('E') {
		if !r.skip('+') {
			r.skip('-')
		}
		if !r.digits() {
			return nil, errJSON
		}
	}
	return json.Number(r.data[start:r.pos]), nil
}

func (r *jsonReader) skip(c byte) bool {
	if r.pos == len(r.data) || r.data[r.pos] != c {
		return false
	}
	r.pos++
	return true
}

func (r *jsonReader) digits() bool {
	start := r.pos
	for r.pos < len(r.data) && '0' <= r.data[r.pos] && r.data[r.pos] <= '9' {
		r.pos++
	}
	return r.pos > start
}

// string reads the string whose opening quote is next.
func (r *jsonReader) string() (string, error) {
	r.pos++
	start, escaped := r.pos, false
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; {
		case c == '"':
			raw := r.data[start:r.pos]
			r.pos++
			if escaped {
				return unescape(raw)
			}
			return string(raw), nil
		case c == '\\':
			escaped = true
			r.pos++
		case c < ' ':
			return "", errJSON
		}
	}
	return "", errJSON
}

func unescape(raw []byte) (string, error) {
	var b strings.Builder
	b.Grow(len(raw))
	for {
		plain, rest, escaped := bytes.Cut(raw, []byte{'\\'})
		b.Write(plain)
		if !escaped {
			return b.String(), nil
		}
		// string saw to it that a byte follows.
		c, n := rune(0), 1
		switch rest[0] {
		case '"', '\\', '/':
			c = rune(rest[0])
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			if c, n = codeUnits(rest[1:]); n == 0 {
				return "", errJSON
			}
			n++
		default:
			return "", errJSON
		}
		b.WriteRune(c)
		raw = rest[n:]
	}
}

// codeUnits reads what follows "\u": four hex digits, and where they are half
// of a pair, the other half too. A half without its other is U+FFFD. It
// returns the number of bytes read, 0 if they are not hex.
func codeUnits(b []byte) (rune, int) {
	u, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(u) {
		return u, 4
	}
	if low, ok := bytes.CutPrefix(b[4:], []byte(`\u`)); ok {
		if second, ok := hex4(low); ok {
			if c := utf16.DecodeRune(u, second); c != utf8.RuneError {
				return c, 10
			}
		}
	}
	return utf8.RuneError, 4
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n), err == nil
}
