package hook

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxFields is how many fields a struct has at most that decodeTexts knows.
const maxFields = 16

// layout is what encoding/json takes a struct's fields for, in their order.
type layout []field

type field struct {
	name string // "" is for none
	text bool   // a string, of no type of its own
}

// layouts has those of the types that were decoded into, by pointers to them.
// It is empty for what is encoding/json's alone.
var layouts sync.Map // of reflect.Type to layout

// decodeTexts decodes an object's strings into a struct. It does what
// json.Unmarshal does, which takes a guest five times as long, and reports
// whether it did: where the object has anything but a string for a field, or
// the type has ways of its own, it changes nothing.
func decodeTexts(object []byte, v any) bool {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() || len(object) == 0 || object[0] != '{' {
		return false
	}
	l := layoutOf(target.Type())
	if len(l) == 0 {
		return false
	}
	var found [maxFields]span
	for key, value := range members(object) {
		i, sure := l.index(key)
		switch first := object[value.start]; {
		case sure && i < 0:
		case sure && l[i].text && first == '"':
			found[i] = value
		case sure && l[i].text && first == 'n': // null leaves what was there
		default:
			return false
		}
	}
	target = target.Elem()
	for i := range l {
		if s := found[i]; s.end > 0 {
			target.Field(i).SetString(unquote(s.of(object)))
		}
	}
	return true
}

// index is that of the field which a name is for, or -1. It is sure of names
// that are written plainly.
func (l layout) index(key []byte) (i int, sure bool) {
	name := key[1 : len(key)-1]
	for i := range l {
		if l[i].name == string(name) {
			return i, true
		}
	}
	if bytes.IndexByte(name, '\\') >= 0 || !utf8.Valid(name) {
		return -1, false
	}
	for i := range l {
		if strings.EqualFold(l[i].name, string(name)) {
			return i, true
		}
	}
	return -1, true
}

func layoutOf(pointer reflect.Type) layout {
	if known, ok := layouts.Load(pointer); ok {
		return known.(layout)
	}
	l := makeLayout(pointer)
	layouts.Store(pointer, l)
	return l
}

func makeLayout(pointer reflect.Type) layout {
	t := pointer.Elem()
	if t.Kind() != reflect.Struct || t.NumField() > maxFields ||
		pointer.Implements(reflect.TypeFor[json.Unmarshaler]()) || pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	l := make(layout, t.NumField())
	for i := range l {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if f.Anonymous || strings.IndexFunc(name, isNoLetter) >= 0 && tag != "-" || strings.Contains(options, "string") {
			return nil
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		for _, other := range l[:i] {
			if strings.EqualFold(other.name, name) {
				return nil
			}
		}
		l[i] = field{name, f.Type == reflect.TypeFor[string]()}
	}
	return l
}

// isNoLetter finds what encoding/json may not take in a name.
func isNoLetter(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' }
