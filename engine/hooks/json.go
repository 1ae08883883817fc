package hooks

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

const (
	maxJSONDepth = 512
	// maxJSONValues bounds what decoding costs the host, which no fuel pays for:
	// a value of two bytes takes a hundred in Go's memory.
	maxJSONValues = 250_000
)

// checkObject goes once through b, which must be one JSON object (RFC 8259)
// in UTF-8, and calls member with each of its members, as they are written.
// The standard library's decoder would take what this refuses, such as a depth
// of 10,000, and is slower on what is only passed on.
func checkObject(b []byte, member func(key, value []byte) error) error {
	if !utf8.Valid(b) {
		return faultf("it answered with what is not UTF-8")
	}
	s := scanner{b: b}
	s.space()
	if s.peek() != '{' {
		return s.fault("a JSON object")
	}
	if err := s.object(1, member); err != nil {
		return err
	}
	s.space()
	if s.at < len(b) {
		return s.fault("nothing after the JSON object")
	}
	return nil
}

type scanner struct {
	b      []byte
	at     int
	values int
}

func (s *scanner) fault(expected string) error {
	near := s.b[min(s.at, len(s.b)):]
	near = near[:min(len(near), 24)]
	if len(near) == 0 {
		return faultf("it answered with what is not JSON: it ends at byte %s, where %s is expected", humanize.Comma(int64(s.at)), expected)
	}
	return faultf("it answered with what is not JSON: at byte %s, %s is expected, not %q", humanize.Comma(int64(s.at)), expected, near)
}

// peek is the next byte, or 0 at the end, which is no part of JSON.
func (s *scanner) peek() byte {
	if s.at < len(s.b) {
		return s.b[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) value(depth int) error {
	if depth > maxJSONDepth {
		return faultf("it answered with JSON that is deeper than %d levels", maxJSONDepth)
	}
	if s.values++; s.values > maxJSONValues {
		return faultf("it answered with JSON of more than %s values", humanize.Comma(maxJSONValues))
	}
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth, nil)
	case c == '[':
		return s.array(depth)
	case c == '"':
		return s.text()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, literal := range [...]string{"true", "false", "null"} {
		if len(s.b)-s.at >= len(literal) && string(s.b[s.at:s.at+len(literal)]) == literal {
			s.at += len(literal)
			return nil
		}
	}
	return s.fault("a value")
}

func (s *scanner) object(depth int, member func(key, value []byte) error) error {
	s.at++
	for first := true; ; first = false {
		s.space()
		if first && s.peek() == '}' {
			break
		}
		key := s.at
		if s.peek() != '"' {
			return s.fault("a name in quotes")
		}
		if err := s.text(); err != nil {
			return err
		}
		keyEnd := s.at
		s.space()
		if s.peek() != ':' {
			return s.fault("a colon")
		}
		s.at++
		s.space()
		value := s.at
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if member != nil {
			if err := member(s.b[key:keyEnd], s.b[value:s.at]); err != nil {
				return err
			}
		}
		s.space()
		if s.peek() != ',' {
			break
		}
		s.at++
	}
	if s.peek() != '}' {
		return s.fault("a comma or the object's end")
	}
	s.at++
	return nil
}

func (s *scanner) array(depth int) error {
	s.at++
	for first := true; ; first = false {
		s.space()
		if first && s.peek() == ']' {
			break
		}
		if err := s.value(depth + 1); err != nil {
			return err
		}
		s.space()
		if s.peek() != ',' {
			break
		}
		s.at++
	}
	if s.peek() != ']' {
		return s.fault("a comma or the array's end")
	}
	s.at++
	return nil
}

func (s *scanner) text() error {
	s.at++
	for {
		s.plain()
		switch c := s.peek(); {
		case c == '"':
			s.at++
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case s.at >= len(s.b):
			return s.fault("the end of a text in quotes")
		default:
			return s.fault("an escape in place of a control character")
		}
	}
}

// plain goes to the next byte of a text that means something, eight at a time:
// texts are most of what comes.
func (s *scanner) plain() {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(s.b)-s.at >= 8 {
		w := binary.LittleEndian.Uint64(s.b[s.at:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		// A high bit where a byte is a control character, a quote or a
		// backslash; perhaps, by a borrow, also above one that is.
		if ((w-ones*0x20)&^w|(quote-ones)&^quote|(slash-ones)&^slash)&highs != 0 {
			break
		}
		s.at += 8
	}
	for s.at < len(s.b) {
		if c := s.b[s.at]; c < 0x20 || c == '"' || c == '\\' {
			return
		}
		s.at++
	}
}

func (s *scanner) escape() error {
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return nil
	case 'u':
		s.at++
		for range 4 {
			switch c := s.peek(); {
			case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
				s.at++
			default:
				return s.fault("a hexadecimal digit")
			}
		}
		return nil
	}
	return s.fault("an escape that JSON has")
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.peek() == '.' {
		s.at++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		return s.digits()
	}
	return nil
}

func (s *scanner) digits() error {
	start := s.at
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.at++
	}
	if s.at == start {
		return s.fault("a digit")
	}
	return nil
}
