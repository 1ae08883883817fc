package main

import (
	"strings"
	"unicode/utf8"
)

const (
	maxGroups = 8  // of what may be a long table of numbers
	maxDigits = 19 // of a group, as many as a card has
)

// number is groups of digits that stand together, as people write cards and
// phone numbers.
type number struct {
	text   string
	groups []group
	// plus is set if it begins with '+'.
	plus bool
}

type group struct {
	start, end int
	// apart is what is between it and the group before.
	apart string
}

// readNumber reads the groups that begin at i, with a digit, '+' or '('.
func readNumber(s string, i int) number {
	n := number{text: s}
	before := i
	if s[i] == '+' {
		n.plus = true
		i++
	}
	for len(n.groups) < maxGroups {
		if len(n.groups) < 2 && i < len(s) && s[i] == '(' {
			i++
		}
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		// What goes on with a letter is a name, or a measure.
		if i == start || i-start > maxDigits || isWordAt(s, i) {
			break
		}
		n.groups = append(n.groups, group{start, i, s[before:start]})
		before = i
		if i < len(s) && s[i] == ')' {
			i++
		}
		i += separator(s[i:])
	}
	return n
}

// separator is how long what may stand between two groups is.
func separator(s string) int {
	c, size := utf8.DecodeRuneInString(s)
	switch c {
	case ' ', '\u00a0', '\u202f', '.', '/':
		if strings.HasPrefix(s[size:], "- ") {
			return size + 2
		}
		return size
	case '-', '\u2010', '\u2011', '\u2013':
		return size
	}
	return 0
}

func (n number) firstEnd() int {
	if len(n.groups) == 0 {
		return 0
	}
	return n.groups[0].end
}

func (n number) digits(from, to int) string {
	var b strings.Builder
	for _, g := range n.groups[from:to] {
		b.WriteString(n.text[g.start:g.end])
	}
	return b.String()
}

// card finds a card's number, which may come after other groups.
func (n number) card() (start, end int, ok bool) {
	for from := range n.groups {
		for to := len(n.groups); to > from; to-- {
			if n.isCard(from, to) {
				return n.groups[from].start, n.groups[to-1].end, true
			}
		}
	}
	return 0, 0, false
}

func (n number) isCard(from, to int) bool {
	for i, g := range n.groups[from:to] {
		size := g.end - g.start
		switch {
		case i > 0 && strings.Trim(g.apart, " -\u00a0\u202f\u2010\u2011\u2013") != "":
			return false
		case to-from > 1 && i == 0 && size != 4, i < to-from-1 && size < 4 || i > 0 && size > 7:
			return false // no card is printed like that, but an ISBN may be
		}
	}
	d := n.digits(from, to)
	return len(d) >= 13 && len(d) <= 19 && '2' <= d[0] && d[0] <= '6' && luhn(d)
}

// luhn tells whether the last digit is the check digit of the others.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// phone finds a phone number, the longest that begins where the number does.
func (n number) phone() (end int, ok bool) {
	for to := len(n.groups); to > 0; to-- {
		if n.isPhone(to) {
			return n.groups[to-1].end, true
		}
	}
	return 0, false
}

func (n number) isPhone(to int) bool {
	d := n.digits(0, to)
	var sizes []int
	for _, g := range n.groups[:to] {
		sizes = append(sizes, g.end-g.start)
	}
	switch {
	case n.plus: // international, by E.164
		return len(d) >= 8 && len(d) <= 15 && d[0] != '0'
	case strings.HasPrefix(d, "00") && to > 1:
		return len(d) >= 10 && len(d) <= 17 && d[2] != '0'
	case d[0] == '0':
		return n.isTrunk(d, sizes)
	}
	// The North American plan: 3-3-4, with brackets or a country's 1 or without.
	if d[0] == '1' && sizes[0] == 1 {
		sizes, d = sizes[1:], d[1:]
	}
	return len(sizes) == 3 && sizes[0] == 3 && sizes[1] == 3 && sizes[2] == 4 && d[0] >= '2'
}

// isTrunk tells whether it is written for callers of the same country, after a
// 0. A date may look like it, or a number with zeros in front.
func (n number) isTrunk(d string, sizes []int) bool {
	if len(d) < 9 || len(d) > 12 || len(sizes) < 2 {
		return false
	}
	if sizes[0] > 2 {
		return sizes[0] <= 6
	}
	for _, s := range sizes {
		if s != 2 {
			return false
		}
	}
	return len(d) == 10
}
