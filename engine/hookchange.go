package engine

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/twinbox/twinbox/engine/internal/jsonvalue"
)

// maxCompared bounds the values that are compared, of a content that may have
// hundreds of thousands: what is left then counts as changed as a whole.
const maxCompared = 20_000

// contentChanges are the places at which two contents differ, a few of them.
func contentChanges(before, after any) []HookChange {
	d := differ{left: maxCompared}
	d.compare(before, after)
	return d.found
}

type differ struct {
	path  []string
	left  int
	found []HookChange
}

// compare goes through values that a decoder makes, where before and after are
// both there.
func (d *differ) compare(before, after any) {
	if len(d.found) == maxRunChanges {
		return
	}
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok && d.afford(len(a)+len(b)) {
			d.objects(b, a)
			return
		}
	case []any:
		if a, ok := after.([]any); ok && d.afford(len(a)+len(b)) {
			d.lists(b, a)
			return
		}
	default:
		if equalScalars(before, after) {
			return
		}
	}
	d.note(sizeOf(before), sizeOf(after))
}

func (d *differ) afford(n int) bool {
	d.left -= n
	return d.left >= 0
}

func (d *differ) objects(before, after map[string]any) {
	keys := make([]string, 0, len(before)+len(after))
	for k := range before {
		keys = append(keys, k)
	}
	for k := range after {
		if _, both := before[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		b, was := before[k]
		a, is := after[k]
		d.at(plainKey(k), b, was, a, is)
	}
}

// lists takes what both begin and end with for what stayed.
func (d *differ) lists(before, after []any) {
	begin, end := 0, 0
	if len(before) != len(after) {
		short := min(len(before), len(after))
		for begin < short && d.equal(before[begin], after[begin]) {
			begin++
		}
		for end < short-begin && d.equal(before[len(before)-1-end], after[len(after)-1-end]) {
			end++
		}
	}
	for i := begin; i < max(len(before), len(after))-end; i++ {
		var b, a any
		was, is := i < len(before)-end, i < len(after)-end
		if was {
			b = before[i]
		}
		if is {
			a = after[i]
		}
		d.at(strconv.Itoa(i), b, was, a, is)
	}
}

func (d *differ) at(place string, before any, was bool, after any, is bool) {
	if len(d.found) == maxRunChanges {
		return
	}
	d.path = append(d.path, place)
	switch {
	case was && is:
		d.compare(before, after)
	case was:
		d.note(sizeOf(before), nil)
	default:
		d.note(nil, sizeOf(after))
	}
	d.path = d.path[:len(d.path)-1]
}

// equal counts what it compares; it is false where that is too much.
func (d *differ) equal(before, after any) bool {
	switch b := before.(type) {
	case map[string]any:
		a, ok := after.(map[string]any)
		if !ok || len(a) != len(b) || !d.afford(len(b)) {
			return false
		}
		for k, v := range b {
			if other, both := a[k]; !both || !d.equal(v, other) {
				return false
			}
		}
		return true
	case []any:
		a, ok := after.([]any)
		return ok && len(a) == len(b) && d.afford(len(b)) && slices.EqualFunc(b, a, d.equal)
	}
	return equalScalars(before, after)
}

func (d *differ) note(before, after *int64) {
	path := make([]byte, 0, 64)
	for _, p := range d.path {
		if len(path) > maxPathBytes {
			break
		}
		path = append(append(path, '/'), p...)
	}
	d.found = append(d.found, HookChange{Path: string(path), Before: before, After: after})
}

const (
	maxPathBytes = 256
	maxKeyBytes  = 64
)

// plainKey is a key that may be kept: one that a programmer gave, as far as
// can be told from its looks, and no text in the place of one.
func plainKey(k string) string {
	if k == "" || len(k) > maxKeyBytes {
		return "*"
	}
	for i := range len(k) {
		switch c := k[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case i > 0 && ('0' <= c && c <= '9' || c == '-'):
		default:
			return "*"
		}
	}
	return k
}

func equalScalars(before, after any) bool {
	switch b := before.(type) {
	case nil, bool, string, json.Number, float64:
		switch after.(type) {
		case map[string]any, []any:
			return false
		}
		if b == after {
			return true
		}
		_, wasNumber := before.(float64) // as a Go caller may give it
		return wasNumber && string(scalar(before)) == string(scalar(after))
	}
	return false
}

func scalar(v any) []byte {
	b, _ := jsonvalue.Append(nil, v) // what cannot be written differs from all
	return b
}

func sizeOf(v any) *int64 {
	var n int64
	if s, ok := v.(string); ok {
		n = int64(len(s))
	} else if b, err := jsonvalue.Append(nil, v); err == nil {
		n = int64(len(b))
	}
	return &n
}
