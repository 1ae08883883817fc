package metering

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
			if kind != 1 {
				r.bytes(size)
				continue
			}
			for range r.u32() {
				i, name := r.u32(), r.name()
				if r.err != nil {
					return ""
				}
				if i == index {
					return name
				}
			}
		}
	}
	return ""
}
