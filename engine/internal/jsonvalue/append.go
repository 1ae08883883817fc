package jsonvalue

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// Append appends v as compact JSON, with the keys of objects in order and
// without HTML's escapes. What Parse does not make is left to encoding/json,
// whose errors it has. v has no cycles.
func Append(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		if v {
			return append(b, "true"...), nil
		}
		return append(b, "false"...), nil
	case string:
		return AppendText(b, v), nil
	case json.Number:
		if len(v) > 0 && numberLength(string(v)) == len(v) {
			return append(b, v...), nil
		}
	case []any:
		if v != nil {
			return appendArray(b, v)
		}
	case map[string]any:
		if v != nil {
			return appendObject(b, v)
		}
	}
	var other bytes.Buffer
	e := json.NewEncoder(&other)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return b, err
	}
	return append(b, bytes.TrimSuffix(other.Bytes(), []byte("\n"))...), nil
}

func appendArray(b []byte, list []any) (_ []byte, err error) {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = Append(b, v); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendObject(b []byte, object map[string]any) (_ []byte, err error) {
	var few [8]string
	keys := few[:0]
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = Append(append(AppendText(b, key), ':'), object[key]); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// AppendText appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func AppendText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	done := 0
	for i := plainLength(s); i < len(s); {
		c, size := s[i], 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			escape := ""
			switch {
			case r == utf8.RuneError && size == 1:
				escape = `\ufffd`
			case r == '\u2028': // JavaScript took these two for ends of lines
				escape = `\u2028`
			case r == '\u2029':
				escape = `\u2029`
			}
			if escape != "" {
				b = append(append(b, s[done:i]...), escape...)
				done = i + size
			}
		} else if c < ' ' || c == '"' || c == '\\' {
			b = append(b, s[done:i]...)
			done = i + 1
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, '\\', 'b')
			case '\f':
				b = append(b, '\\', 'f')
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
		i += size
	}
	return append(append(b, s[done:]...), '"')
}

// plainLength is how much s begins with, in steps of eight bytes or all of it,
// that is written as it is.
func plainLength(s string) (n int) {
	for ; len(s)-n >= 8; n += 8 {
		if !plain(s[n : n+8]) {
			return n
		}
	}
	if len(s) >= 8 && plain(s[len(s)-8:]) {
		return len(s)
	}
	return n
}

// plain tells of eight bytes whether they are written as they are.
func plain(p string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	w := uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
		uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
	// A high bit where a byte is no ASCII, a control character, a quote or a
	// backslash; perhaps, by a borrow, above one that is.
	return (w|(w-ones*' ')|((w^(ones*'"'))-ones)|((w^(ones*'\\'))-ones))&highs == 0
}
