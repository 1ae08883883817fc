package engine

import (
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// SessionIDPrefix begins every session id, so that in an agent group's folder
// sessions can be told from what else lies there.
const SessionIDPrefix = "sess-"

// SafeID reports whether id may be a path component: letters, digits, '.',
// '_' and '-', not starting with a dot, 1 to 128 bytes (protocol: "Folder").
func SafeID(id string) bool {
	if id == "" || len(id) > 128 || id[0] == '.' {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

func checkSafeID(field, id string) error {
	if SafeID(id) {
		return nil
	}
	return InvalidField(field, "%q is not a usable id: an id has 1 to 128 letters, digits, '.', '_' or '-', and does not start with a dot", clip(id))
}

// checkText refuses what cannot be a short text: empty, too long, not UTF-8,
// with control characters.
func checkText(field, s string, maxBytes int) error {
	switch {
	case s == "":
		return InvalidField(field, "%s is empty", field)
	case len(s) > maxBytes:
		return InvalidField(field, "%s has %d bytes, more than the %d that are allowed", field, len(s), maxBytes)
	case !utf8.ValidString(s):
		return InvalidField(field, "%s is not valid UTF-8", field)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return InvalidField(field, "%s has control characters", field)
	}
	return nil
}

func checkOptionalText(field string, s *string, maxBytes int) error {
	if s == nil {
		return nil
	}
	return checkText(field, *s, maxBytes)
}

// clip keeps a hostile value from filling an error message.
func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:77], "") + "..."
}

// newID makes a time-ordered unique id with a prefix ("sess-", "ag-", ...).
func newID(prefix string) string {
	return prefix + uuid.Must(uuid.NewV7()).String()
}

// first returns the first error that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
