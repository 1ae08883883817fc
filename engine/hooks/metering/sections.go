package metering

import "strings"

func (m *module) readImports(r *reader) error {
	n := r.u32()
	if err := within("imports", "Imports", int(n), m.limits.Imports); err != nil {
		return err
	}
	for range n {
		r.name()
		if name := r.name(); strings.HasPrefix(name, reservedPrefix) {
			return refuse(Reserved, "it imports %q: names that begin with %q are the engine's", name, reservedPrefix)
		}
		kind := r.byte()
		if r.err != nil {
			return r.err
		}
		switch kind {
		case 0:
			if err := m.addFunction(r); err != nil {
				return err
			}
			m.importedFunctions++
		case 1:
			if _, err := m.readTable(r); err != nil {
				return err
			}
			m.indirectImport = true
		case 2:
			if err := m.readMemory(r); err != nil {
				return err
			}
		case 3:
			if err := checkValueType(r.byte()); err != nil && r.err == nil {
				return err
			}
			r.byte()
			m.globals++
		case 4:
			return unsupported("exception handling")
		default:
			return refuse(Invalid, "there is no kind of import %d", kind)
		}
	}
	return r.err
}

func (m *module) addFunction(r *reader) error {
	t := r.u32()
	if r.err == nil && int64(t) >= int64(len(m.types.own)) {
		return outOfRange("type", t, len(m.types.own))
	}
	m.functions = append(m.functions, t)
	return r.err
}

func (m *module) readFunctions(r *reader) error {
	n := r.u32()
	if err := within("functions", "Functions", int(n), m.limits.Functions); err != nil {
		return err
	}
	for range n {
		if err := m.addFunction(r); err != nil {
			return err
		}
	}
	return r.err
}

func (m *module) readTables(r *reader) error {
	n := r.u32()
	if err := within("tables", "Tables", int(n), m.limits.Tables); err != nil {
		return err
	}
	for range n {
		t, err := m.readTable(r)
		if err != nil {
			return err
		}
		m.tables = append(m.tables, t)
	}
	return r.err
}

func (m *module) readTable(r *reader) (tableLimits, error) {
	kind := r.byte()
	if kind == 0x40 && r.err == nil {
		return tableLimits{}, unsupported("typed function references (a table with an initial value)")
	}
	if err := checkReferenceType(kind); err != nil && r.err == nil {
		return tableLimits{}, err
	}
	t := tableLimits{start: r.pos, max: ^uint32(0)}
	flags := r.byte()
	if flags > 1 {
		return t, unsupported("a shared or 64-bit table")
	}
	t.min = r.u32()
	if flags == 1 {
		t.max = r.u32()
	}
	t.end = r.pos
	if err := within("elements in a table", "TableElements", int(t.min), m.limits.TableElements); err != nil {
		return t, err
	}
	return t, r.err
}

func (m *module) readMemories(r *reader) error {
	n := r.u32()
	if n > 1 {
		return unsupported("more than one memory")
	}
	for range n {
		if err := m.readMemory(r); err != nil {
			return err
		}
	}
	return r.err
}

func (m *module) readMemory(r *reader) error {
	switch flags := r.byte(); {
	case flags == 2 || flags == 3:
		return unsupported("threads (a shared memory)")
	case flags > 3:
		return unsupported("a 64-bit memory")
	default:
		m.hasMemory = true
		pages := r.u32()
		if flags == 1 {
			r.u32()
		}
		if err := within("pages of memory at the beginning", "MemoryPages", int(pages), m.limits.MemoryPages); err != nil {
			return err
		}
	}
	return r.err
}

func (m *module) readGlobals(r *reader) error {
	n := r.u32()
	if err := within("globals", "Globals", int(n), m.limits.Globals); err != nil {
		return err
	}
	for range n {
		if err := checkValueType(r.byte()); err != nil && r.err == nil {
			return err
		}
		r.byte()
		if err := m.readConstant(r); err != nil {
			return err
		}
		m.globals++
	}
	return r.err
}

func (m *module) readExports(r *reader) error {
	n := r.u32()
	if err := within("exports", "Exports", int(n), m.limits.Exports); err != nil {
		return err
	}
	for range n {
		if name := r.name(); strings.HasPrefix(name, reservedPrefix) {
			return refuse(Reserved, "it exports %q: names that begin with %q are the engine's", name, reservedPrefix)
		}
		kind, index := r.byte(), r.u32()
		switch {
		case r.err != nil:
			return r.err
		case kind == 0:
			if err := m.referTo(index); err != nil {
				return err
			}
		case kind == 3:
			if err := m.checkGlobal(index); err != nil {
				return err
			}
		}
	}
	return r.err
}

func (m *module) readStart(r *reader) error {
	index := r.u32()
	if r.err != nil {
		return r.err
	}
	return m.checkFunction(index)
}
