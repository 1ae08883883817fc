package metering

import "unicode/utf8"

const (
	moduleNames   = 0
	functionNames = 1
)

// appendNames writes what a name section says of the module and its functions.
// The rest is left out, and all of it where anything is malformed: a decoder
// that trusts a count of names would make room for four billion of them.
func appendNames(out []byte, r *reader) []byte {
	begin := len(out)
	out = appendName(out, "name")
	for r.more() {
		start := r.pos
		kind := r.byte()
		size := int(r.u32())
		end := r.pos + size
		switch kind {
		case moduleNames:
			checkName(r)
		case functionNames:
			for n := r.u32(); n > 0 && r.err == nil; n-- {
				r.u32()
				checkName(r)
			}
		default:
			r.bytes(size)
			start = r.pos
		}
		if r.err != nil || r.pos != end {
			return out[:begin]
		}
		out = append(out, r.b[start:end]...)
	}
	return out
}

func checkName(r *reader) {
	if !utf8.Valid(r.bytes(int(r.u32()))) {
		r.fail(errName)
	}
}

// functionName looks a function up in the name section. Whatever is wrong with
// that section, the answer is that there is no name.
func (m *module) functionName(index uint32) string {
	for _, s := range m.sections {
		r := reader{b: m.bytes, pos: s.start, end: s.end}
		if s.id != customSection || r.name() != "name" {
			continue
		}
		for r.more() {
			kind, size := r.byte(), int(r.u32())
			if kind != functionNames {
				r.bytes(size)
				continue
			}
			for n := r.u32(); n > 0 && r.err == nil; n-- {
				if i, name := r.u32(), r.name(); r.err == nil && i == index {
					return name
				}
			}
		}
	}
	return ""
}
