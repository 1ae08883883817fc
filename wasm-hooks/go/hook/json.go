package hook

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"iter"
	"math/bits"
	"unicode/utf8"
)

// The functions here walk JSON that the engine wrote, or has checked to be
// well-formed. They make nothing of what they pass by.

// span is a part of what is walked.
type span struct{ start, end int }

func (s span) of(b []byte) []byte { return b[s.start:s.end:s.end] }

// member returns a member of an object as it is written, or nil. Of several by
// one name it is the last, as for all who parse JSON.
func member(object []byte, name string) (value []byte) {
	for key, v := range members(object) {
		if isString(key, name) {
			value = v.of(object)
		}
	}
	return value
}

// find is from where a member's value begins, or nil. It is for objects that
// the engine wrote, where no name comes twice, and that may go on after their
// end: what comes after the value is not looked at.
func find(object []byte, name string) []byte {
	i := blank(object, 0)
	if i >= len(object) || object[i] != '{' {
		return nil
	}
	for i = blank(object, i+1); i < len(object) && object[i] == '"'; {
		end := stringEnd(object, i)
		start := blank(object, blank(object, end)+1) // after the colon
		if start >= len(object) {
			return nil
		}
		if isString(object[i:end], name) {
			return object[start:]
		}
		if i = blank(object, valueEnd(object, start)); i < len(object) && object[i] == ',' {
			i = blank(object, i+1)
		}
	}
	return nil
}

// first is what find finds, to its end.
func first(object []byte, name string) []byte {
	v := find(object, name)
	end := valueEnd(v, 0)
	return v[:end:end]
}

// text is the member of an object that the engine wrote, "" for null.
func text(object []byte, name string) string {
	v := find(object, name)
	if len(v) == 0 || v[0] != '"' {
		return ""
	}
	return unquote(v[:stringEnd(v, 0)])
}

// members yields an object's names, with their quotes, and where the values
// are; of anything else nothing.
func members(object []byte) iter.Seq2[[]byte, span] {
	return func(yield func([]byte, span) bool) {
		i := blank(object, 0)
		if i >= len(object) || object[i] != '{' {
			return
		}
		for i = blank(object, i+1); i < len(object) && object[i] == '"'; {
			end := stringEnd(object, i)
			start := blank(object, blank(object, end)+1) // after the colon
			if start >= len(object) {
				return
			}
			v := span{start, valueEnd(object, start)}
			if !yield(object[i:end], v) {
				return
			}
			if i = blank(object, v.end); i < len(object) && object[i] == ',' {
				i = blank(object, i+1)
			}
		}
	}
}

// blank is where what begins at i or after it.
func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// valueEnd is where the value ends that begins at i.
func valueEnd(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\t', '\r':
			i++
			continue
		default:
			for i++; i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' '; i++ {
			}
		}
		if depth <= 0 {
			return i
		}
	}
	return len(b)
}

// stringEnd is where the string ends that begins at i. It looks at eight bytes
// at a time: each turn of a loop costs a Go guest as much as ten additions.
func stringEnd(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i++
	for len(b)-i >= 8 {
		word := binary.LittleEndian.Uint64(b[i:])
		quote, slash := word^(ones*'"'), word^(ones*'\\')
		// A high bit where a byte is one or the other; perhaps, by a borrow, also
		// above one that is.
		found := ((quote-ones)&^quote | (slash-ones)&^slash) & highs
		if found == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(found) / 8
		if b[i] == '"' {
			return i + 1
		}
		i += 2 // what is escaped
	}
	for ; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// isString tells whether a string, as it is written, is s.
func isString(quoted []byte, s string) bool {
	if len(quoted) == len(s)+2 {
		return string(quoted[1:len(quoted)-1]) == s
	}
	return len(quoted) > len(s)+2 && bytes.IndexByte(quoted, '\\') >= 0 && unquote(quoted) == s
}

// unquote is a string's text, "" for what is no string.
func unquote(quoted []byte) string {
	if len(quoted) < 2 || quoted[0] != '"' {
		return ""
	}
	if text := quoted[1 : len(quoted)-1]; bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return string(text)
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}

// appendQuoted appends s as JSON.
func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
