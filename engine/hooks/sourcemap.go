package hooks

import (
	"encoding/json"
	"fmt"
	"strings"
)

// place is where in a script's own files something is; lines and columns begin
// with 1.
type place struct {
	file         string
	line, column int
}

func (p place) String() string { return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column) }

// maxSourceBytes is of a file's name, which a script may make up.
const maxSourceBytes = 200

// sourceMap leads from a script's code to what its author wrote
// (https://tc39.es/ecma426/).
type sourceMap struct {
	Sources  []string
	Mappings string
}

// sourceMap decodes the map, which takes long where it is large. One that is
// malformed leads nowhere.
func (s *script) sourceMap() (m sourceMap) {
	if json.Unmarshal(s.mapping, &m) != nil {
		return sourceMap{}
	}
	return m
}

// place finds what lies at a line and column of the code.
func (m *sourceMap) place(line, column int) (place, bool) {
	var found place
	source, originalLine, originalColumn, at := 0, 0, 0, 1
	for text := range strings.SplitSeq(m.Mappings, ";") {
		if at > line {
			break
		}
		generated := 0
		for segment := range strings.SplitSeq(text, ",") {
			var fields [5]int
			n := decodeVLQ(segment, fields[:])
			generated += fields[0]
			if n < 4 {
				continue
			}
			source += fields[1]
			originalLine += fields[2]
			originalColumn += fields[3]
			if (at < line || generated < column) && source >= 0 && source < len(m.Sources) {
				found = place{m.Sources[source], originalLine + 1, originalColumn + 1}
			}
		}
		at++
	}
	found.file = tame(found.file, maxSourceBytes)
	return found, found.line > 0
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// decodeVLQ reads as many numbers as there are, and returns how many.
func decodeVLQ(s string, numbers []int) (n int) {
	value, shift := 0, 0
	for i := 0; i < len(s) && n < len(numbers); i++ {
		digit := strings.IndexByte(base64Digits, s[i])
		if digit < 0 || shift > 30 {
			return n
		}
		value |= digit & 31 << shift
		if shift += 5; digit&32 != 0 {
			continue
		}
		if numbers[n] = value >> 1; value&1 != 0 {
			numbers[n] = -numbers[n]
		}
		n++
		value, shift = 0, 0
	}
	return n
}
