package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// redactor has what takes the place of each kind of personal data; "" leaves
// that kind. It makes one pass over a text and takes no regular expressions,
// which cost ten times as much in a guest.
type redactor struct {
	Email string `json:"email"`
	Phone string `json:"phone"`
	Card  string `json:"card"`
}

func (r *redactor) redact(s string) string {
	var b strings.Builder
	done := 0
	put := func(start, end int, with string) {
		b.WriteString(s[done:start])
		b.WriteString(with)
		done = end
	}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '@' && r.Email != "":
			if start, end, ok := email(s, done, i); ok {
				put(start, end, r.Email)
				i = end
				continue
			}
		case (isDigit(c) || c == '+' || c == '(') && i >= done && !wordBefore(s, i):
			n := readNumber(s, i)
			if start, end, ok := n.card(); ok && r.Card != "" {
				put(start, end, r.Card)
				i = end
				continue
			}
			if end, ok := n.phone(); ok && r.Phone != "" {
				put(i, end, r.Phone)
				i = end
				continue
			}
			// The rest of the first group belongs to no number either; later
			// groups may begin one.
			i = max(i+1, n.firstEnd())
			continue
		}
		i++
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// email finds the address around an '@', not before from.
func email(s string, from, at int) (start, end int, ok bool) {
	start = at
	for start > from {
		c, size := utf8.DecodeLastRuneInString(s[from:start])
		if !inAddress(c) && !strings.ContainsRune("_.%+'-", c) {
			break
		}
		start -= size
	}
	// What sentences put before an address is no part of it, though it may be.
	for start < at && !isWordAt(s, start) {
		start++
	}
	end = at + 1
	label, top := end, end // where the last label, and the last that may end it, begin
	for end < len(s) {
		c, size := utf8.DecodeRuneInString(s[end:])
		if c == '.' && end > label {
			label = end + 1
			top = label
		} else if !inAddress(c) && c != '-' {
			break
		}
		end += size
	}
	// A sentence's full stop, or a dash, may follow.
	for end > top && s[end-1] == '-' {
		end--
	}
	if end == top && end > at+1 { // it ended with a '.'
		end--
		top = strings.LastIndexByte(s[:end], '.') + 1
	}
	if start == at || top <= at+1 || end-top < 2 {
		return 0, 0, false
	}
	if c := s[top]; isDigit(c) { // an IP address' last part, or a version
		return 0, 0, false
	}
	return start, end, true
}

func wordBefore(s string, i int) bool {
	c, _ := utf8.DecodeLastRuneInString(s[:i])
	return i > 0 && isWord(c)
}

func isWordAt(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	c, _ := utf8.DecodeRuneInString(s[i:])
	return isWord(c)
}

func isWord(c rune) bool {
	return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c)
}

// inAddress leaves scripts out that are written without blanks: an address is
// part of their sentences.
func inAddress(c rune) bool {
	return c < '\u0530' && (unicode.IsLetter(c) || unicode.IsDigit(c))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
