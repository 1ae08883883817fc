// Package jsonvalue reads and writes JSON as encoding/json does where numbers
// are json.Number, only faster: it is done for each message, several times.
package jsonvalue

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Errors of Parse.
var (
	// ErrSyntax: it is not JSON, or deeper than encoding/json follows.
	ErrSyntax = errors.New("not JSON")
	// ErrTooMany: there are more values than may be; what follows was not read.
	ErrTooMany = errors.New("too many values")
)

// maxDepth is encoding/json's.
const maxDepth = 10_000

// Parse returns what s holds: map[string]any, []any, string, json.Number, bool
// or nil, in at most limit values. Strings are s's memory where they can be.
// repeats tells whether an object has a key twice, of which it has the last.
func Parse(s string, limit int) (v any, repeats bool, err error) {
	p := parser{s: s, left: limit}
	p.space()
	if v, err = p.value(0); err != nil {
		return nil, false, err
	}
	if p.space(); p.at < len(s) {
		return nil, false, ErrSyntax
	}
	return v, p.repeats, nil
}

type parser struct {
	s    string
	at   int
	left int // values that may still come
	// repeats: an object had a key twice.
	repeats bool
}

// peek is the next byte, or 0 at the end, which is no part of JSON.
func (p *parser) peek() byte {
	if p.at < len(p.s) {
		return p.s[p.at]
	}
	return 0
}

func (p *parser) space() {
	for p.at < len(p.s) {
		switch p.s[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// take passes c, and the space after it, if c is next.
func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	p.space()
	return true
}

func (p *parser) value(depth int) (any, error) {
	if p.left--; p.left < 0 {
		return nil, ErrTooMany
	}
	switch c := p.peek(); {
	case c == '{' && depth < maxDepth:
		return p.object(depth + 1)
	case c == '[' && depth < maxDepth:
		return p.array(depth + 1)
	case c == '"':
		text, err := p.text()
		if err != nil {
			return nil, err
		}
		return text, nil
	case c == '-' || c >= '0' && c <= '9':
		n := numberLength(p.s[p.at:])
		if n == 0 {
			return nil, ErrSyntax
		}
		p.at += n
		return json.Number(p.s[p.at-n : p.at]), nil
	}
	for _, l := range [...]struct {
		name  string
		value any
	}{{"true", true}, {"false", false}, {"null", nil}} {
		if strings.HasPrefix(p.s[p.at:], l.name) {
			p.at += len(l.name)
			return l.value, nil
		}
	}
	return nil, ErrSyntax
}

func (p *parser) object(depth int) (any, error) {
	object := map[string]any{}
	p.take('{')
	if p.peek() == '}' {
		p.at++
		return object, nil
	}
	for {
		if p.peek() != '"' {
			return nil, ErrSyntax
		}
		key, err := p.text()
		if err != nil {
			return nil, err
		}
		p.space()
		if !p.take(':') {
			return nil, ErrSyntax
		}
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		before := len(object)
		object[key] = v
		p.repeats = p.repeats || len(object) == before
		if p.space(); !p.take(',') {
			break
		}
	}
	if p.peek() != '}' {
		return nil, ErrSyntax
	}
	p.at++
	return object, nil
}

func (p *parser) array(depth int) (any, error) {
	list := []any{}
	p.take('[')
	if p.peek() == ']' {
		p.at++
		return list, nil
	}
	for {
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if p.space(); !p.take(',') {
			break
		}
	}
	if p.peek() != ']' {
		return nil, ErrSyntax
	}
	p.at++
	return list, nil
}

// text reads a string that begins here.
func (p *parser) text() (string, error) {
	begin := p.at + 1
	simple, ascii := true, true
	for i := begin; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			text := p.s[begin:i]
			p.at = i + 1
			if simple && (ascii || utf8.ValidString(text)) {
				return text, nil
			}
			return unquote(text)
		case c == '\\':
			simple = false
			i++
		case c < ' ':
			return "", ErrSyntax
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", ErrSyntax
}

// unquote is the text that s stands for, without quotes around it: bytes that
// are no UTF-8, and halves of surrogate pairs, become U+FFFD.
func unquote(s string) (string, error) {
	b := make([]byte, 0, len(s)+2*utf8.UTFMax)
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += size
		case c != '\\':
			b = append(b, c)
			i++
		case i+1 == len(s):
			return "", ErrSyntax
		case s[i+1] == 'u':
			r, ok := escaped(s[i:])
			if !ok {
				return "", ErrSyntax
			}
			i += escapeLength
			if utf16.IsSurrogate(r) {
				low, _ := escaped(s[i:])
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += escapeLength
				}
			}
			b = utf8.AppendRune(b, r)
		default:
			at := strings.IndexByte(`"\/bfnrt`, s[i+1])
			if at < 0 {
				return "", ErrSyntax
			}
			b = append(b, "\"\\/\b\f\n\r\t"[at])
			i += 2
		}
	}
	return string(b), nil
}

const escapeLength = len(`\u0000`)

// escaped reads the \u0000 that s begins with.
func escaped(s string) (r rune, ok bool) {
	if len(s) < escapeLength || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(s[2:escapeLength]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// numberLength is how long the number is that s begins with, 0 for none.
func numberLength(s string) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		if i++; !digits() {
			return 0
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}
