package metering

// Rewrite returns a module that does what the given one does, counts what it
// costs, and traps when that is more than it is given. It refuses, with an
// [*Error], what is over a limit, what is not WebAssembly 2.0, and what reaches
// for the metering itself. It checks only as much of the module as its own work
// depends on: what it returns has still to be validated, and is valid if and
// only if the given module is, but for a malformed name section, which it
// leaves out. Custom sections that point into the code by offset, as DWARF
// does, are left out too.
//
// It keeps no reference to the given bytes.
func Rewrite(module []byte, config Config) ([]byte, error) {
	m, err := readModule(module, config.Limits)
	if err != nil {
		return nil, err
	}
	w := writer{module: m, config: config, out: make([]byte, 0, len(module)+len(module)/4+256)}
	if err := w.write(); err != nil {
		return nil, err
	}
	return w.out, nil
}

// writer assembles the new module.
type writer struct {
	*module
	config Config
	out    []byte
	// hasGlobals and hasExports: those sections are written.
	hasGlobals, hasExports bool
}

func (w *writer) write() error {
	w.out = append(w.out, header...)
	for _, s := range w.sections {
		w.fill(sectionOrder[s.id])
		content := w.bytes[s.start:s.end]
		switch s.id {
		case customSection:
			w.custom(s)
		case typeSection:
			w.section(s.id, w.types.appendSection(nil, content))
		case functionSection:
			if w.hasCode() {
				w.extend(s.id, content, 1, appendU32(nil, w.types.results[""]))
			}
		case tableSection:
			w.section(s.id, w.limitTables(s))
		case globalSection:
			w.globalSection(content)
		case exportSection:
			w.exportSection(content)
		case codeSection:
			if err := w.code(s); err != nil {
				return err
			}
		default:
			w.section(s.id, content)
		}
	}
	w.fill(len(sectionOrder))
	return nil
}

func (w *writer) custom(s section) {
	r := &reader{b: w.bytes, pos: s.start, end: s.end}
	switch name := r.name(); {
	case codeBound(name):
	case name == "name":
		if content := appendNames(nil, r); len(content) > 0 {
			w.section(s.id, content)
		}
	default:
		w.section(s.id, w.bytes[s.start:s.end])
	}
}

// fill writes the sections that the module lacks, if their place has come.
func (w *writer) fill(order int) {
	if !w.hasGlobals && order > sectionOrder[globalSection] {
		w.globalSection([]byte{0})
	}
	if !w.hasExports && order > sectionOrder[exportSection] {
		w.exportSection([]byte{0})
	}
}

func (w *writer) section(id byte, content []byte) {
	w.out = appendU32(append(w.out, id), uint32(len(content)))
	w.out = append(w.out, content...)
}

// extend writes a section with its count raised and more at its end.
func (w *writer) extend(id byte, content []byte, count uint32, more []byte) {
	r := reader{b: content, end: len(content)}
	n := r.u32()
	var head [5]byte
	prefix := appendU32(head[:0], n+count)
	rest := content[r.pos:]
	w.out = appendU32(append(w.out, id), uint32(len(prefix)+len(rest)+len(more)))
	w.out = append(append(append(w.out, prefix...), rest...), more...)
}

func (w *writer) globalSection(content []byte) {
	w.hasGlobals = true
	fuel, reserve := split(w.config.Fuel)
	more := appendS64([]byte{i64Type, 1, opI64Const}, fuel)
	more = append(more, opEnd, i32Type, 1, opI32Const)
	more = append(appendS64(more, int64(w.config.Depth)), opEnd, i64Type, 1, opI64Const)
	more = append(appendS64(more, reserve), opEnd)
	w.extend(globalSection, content, 3, more)
}

func (w *writer) exportSection(content []byte) {
	w.hasExports = true
	more := appendU32(append(appendName(nil, FuelExport), 3), uint32(w.globals))
	more = appendU32(append(appendName(more, DepthExport), 3), uint32(w.globals)+1)
	more = appendU32(append(appendName(more, ReserveExport), 3), uint32(w.globals)+2)
	w.extend(exportSection, content, 3, more)
}

// limitTables gives each table a maximum within the limits.
func (w *writer) limitTables(s section) []byte {
	var out []byte
	at := s.start
	for _, t := range w.tables {
		out = append(append(out, w.bytes[at:t.start]...), 1)
		out = appendU32(out, t.min)
		out = appendU32(out, uint32(min(int64(t.max), int64(w.limits.TableElements))))
		at = t.end
	}
	return append(out, w.bytes[at:s.end]...)
}

func (w *writer) code(s section) error {
	r := &reader{b: w.bytes, pos: s.start, end: s.end}
	count := r.u32()
	own := w.functions[w.importedFunctions:]
	if r.err != nil || int64(count) != int64(len(own)) {
		return w.locate(refuse(Invalid, "it holds %d functions, the function section %d", count, len(own)), "code", s.start)
	}
	if count == 0 {
		w.section(s.id, w.bytes[s.start:s.end])
		return nil
	}
	w.out = append(w.out, codeSection)
	size := len(w.out)
	w.out = appendU32(w.out, count+1)
	first := uint32(w.globals)
	e := emitter{source: w.bytes, types: &w.types, fuel: first, depth: first + 1, reserve: first + 2, refill: uint32(len(w.functions))}
	f := &function{}
	for i, t := range own {
		length := int(r.u32())
		f.reset(w.types.own[t])
		f.end = r.pos + length
		err := within("bytes in a function", "FunctionBytes", length, w.limits.FunctionBytes)
		if err == nil && (r.err != nil || f.end > s.end) {
			err = errTruncated
		}
		if err == nil {
			r.end = f.end
			err = w.scan(r, f)
			r.end = s.end
		}
		if err != nil {
			return w.blame(err, w.importedFunctions+i, r.pos)
		}
		f.plan()
		w.out = e.function(w.out, f)
	}
	if r.pos != s.end {
		return w.locate(refuse(Invalid, "the section holds %d bytes more than its functions", s.end-r.pos), "code", r.pos)
	}
	w.out = e.refillFunction(w.out, w.hasMemory)
	w.insertSize(size)
	return nil
}

// insertSize writes the number of bytes from a place on before them.
func (w *writer) insertSize(at int) {
	head := appendU32(nil, uint32(len(w.out)-at))
	w.out = append(w.out, head...)
	copy(w.out[at+len(head):], w.out[at:])
	copy(w.out[at:], head)
}

// blame adds the function's index and name to an error.
func (w *writer) blame(err error, function, offset int) error {
	e := w.locate(err, "code", offset)
	e.Function = function
	e.Name = w.functionName(uint32(function))
	return e
}
