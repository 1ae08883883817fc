package metering

// signature is a function type: its parts as the module encodes them, one byte
// for each value.
type signature struct{ params, results string }

// types is the type section.
type types struct {
	own []signature
	// results finds a type without parameters by its results. Functions are
	// wrapped in a block of such a type, and refill is of one without any.
	results map[string]uint32
	// added are the types that the module lacked for that.
	added []signature
}

func (m *module) readTypes(r *reader) error {
	n := r.u32()
	if err := within("types", "Types", int(n), m.limits.Types); err != nil {
		return err
	}
	m.types.results = make(map[string]uint32)
	for i := range n {
		switch form := r.byte(); {
		case r.err != nil:
			return r.err
		case form == 0x4e || form == 0x4f || form == 0x50 || form == 0x5e || form == 0x5f:
			return unsupported("garbage collection")
		case form != 0x60:
			return refuse(Invalid, "type %d is not a function type", i)
		}
		var s signature
		for _, part := range []*string{&s.params, &s.results} {
			values := r.bytes(int(r.u32()))
			if err := within("values in a type", "TypeValues", len(values), m.limits.TypeValues); err != nil {
				return err
			}
			for _, v := range values {
				if err := checkValueType(v); err != nil {
					return err
				}
			}
			*part = string(values)
		}
		if r.err != nil {
			return r.err
		}
		m.types.own = append(m.types.own, s)
		if _, found := m.types.results[s.results]; s.params == "" && !found {
			m.types.results[s.results] = i
		}
	}
	return r.err
}

func checkValueType(v byte) error {
	switch v {
	case 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f:
		return nil
	case 0x63, 0x64:
		return unsupported("typed function references")
	case 0x69, 0x74:
		return unsupported("exception handling")
	case 0x65, 0x66, 0x67, 0x68, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73:
		return unsupported("garbage collection")
	}
	return refuse(Invalid, "%#x is not a value type", v)
}

func checkReferenceType(v byte) error {
	if v == 0x70 || v == 0x6f {
		return nil
	}
	if err := checkValueType(v); err != nil {
		return err
	}
	return refuse(Invalid, "%#x is not a reference type", v)
}

// need makes sure that there is a type without parameters that has results.
func (t *types) need(results string) {
	if _, found := t.results[results]; !found {
		t.results[results] = uint32(len(t.own) + len(t.added))
		t.added = append(t.added, signature{results: results})
	}
}

// appendBlockType writes the type of the block around a function with such
// results.
func (t *types) appendBlockType(b []byte, results string) []byte {
	switch len(results) {
	case 0:
		return append(b, 0x40)
	case 1:
		return append(b, results[0])
	}
	return appendS64(b, int64(t.results[results]))
}

// appendSection adds the types that the module lacked to its own section.
func (t *types) appendSection(b, own []byte) []byte {
	r := reader{b: own, end: len(own)}
	r.u32()
	b = appendU32(b, uint32(len(t.own)+len(t.added)))
	b = append(b, own[r.pos:]...)
	for _, s := range t.added {
		b = appendU32(append(b, 0x60, 0), uint32(len(s.results)))
		b = append(b, s.results...)
	}
	return b
}
