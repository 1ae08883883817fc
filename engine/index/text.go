package index

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how much of a content's texts is indexed, in bytes.
const maxText = 8 << 10

// textOf is what of a content is indexed: the texts and numbers that are
// values in its JSON, which may be cut off, or else all of it.
func textOf(content string) string {
	trimmed := strings.TrimLeft(content, " \t\r\n")
	if trimmed == "" || !strings.ContainsRune(`{["`, rune(trimmed[0])) {
		return plain(clip(content, maxText))
	}
	var b strings.Builder
	for rest := trimmed; rest != "" && b.Len() < maxText; {
		var word string
		if rest[0] == '"' {
			var key bool
			if word, key, rest = literal(rest); key {
				continue
			}
		} else {
			n := strings.IndexAny(rest, `"{}[],:`)
			if n == 0 {
				rest = rest[1:]
				continue
			}
			if n < 0 {
				n = len(rest)
			}
			word, rest = strings.TrimSpace(rest[:n]), rest[n:]
			if word == "" || !strings.ContainsRune("-0123456789", rune(word[0])) {
				continue // null, true, false, or nothing
			}
		}
		if word != "" {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(word)
		}
	}
	return plain(clip(b.String(), maxText))
}

// literal reads the string that text begins with. key: it names a value.
func literal(text string) (value string, key bool, rest string) {
	end := 1
	for end < len(text) && text[end] != '"' {
		if text[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(text) { // it was cut off, perhaps in the middle of an escape
		return text[1:], false, ""
	}
	rest = strings.TrimLeft(text[end+1:], " \t\r\n")
	if strings.HasPrefix(rest, ":") {
		return "", true, rest
	}
	if json.Unmarshal([]byte(text[:end+1]), &value) != nil {
		value = text[1:end]
	}
	return value, false, rest
}

// plain is text without what cannot be shown.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// clip cuts text off at some bytes, between two characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

const (
	// snippetRunes is the length of a snippet, of which snippetBefore may come
	// before the word.
	snippetRunes  = 240
	snippetBefore = 60
)

// snippet is what of a text shows around a word; its beginning for "" and for
// a word that is not found letter by letter.
func snippet(text, word string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	at := max(index(runes, []rune(word))-snippetBefore, 0)
	if at > 0 {
		// Begins with a word, if one begins soon.
		for i := at; i < at+snippetBefore/2; i++ {
			if runes[i] == ' ' {
				at = i + 1
				break
			}
		}
	}
	cut := runes[at:min(at+snippetRunes-2, len(runes))]
	out := string(cut)
	if at > 0 {
		out = "…" + out
	}
	if at+len(cut) < len(runes) {
		out += "…"
	}
	return out
}

// index is where word begins in text, whatever the case; -1 for nowhere.
func index(text, word []rune) int {
	for i := 0; len(word) > 0 && i+len(word) <= len(text); i++ {
		n := 0
		for n < len(word) && unicode.ToLower(text[i+n]) == unicode.ToLower(word[n]) {
			n++
		}
		if n == len(word) {
			return i
		}
	}
	return -1
}
