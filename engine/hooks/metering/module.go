package metering

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

const (
	customSection    = 0
	typeSection      = 1
	importSection    = 2
	functionSection  = 3
	tableSection     = 4
	memorySection    = 5
	globalSection    = 6
	exportSection    = 7
	startSection     = 8
	elementSection   = 9
	codeSection      = 10
	dataSection      = 11
	dataCountSection = 12
	tagSection       = 13
)

var sectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global",
	"export", "start", "element", "code", "data", "data count", "tag"}

// sectionOrder is the order in which sections come, which is not that of their
// numbers.
var sectionOrder = [...]int{customSection: 0, typeSection: 1, importSection: 2, functionSection: 3, tableSection: 4,
	memorySection: 5, tagSection: 6, globalSection: 7, exportSection: 8, startSection: 9, elementSection: 10,
	dataCountSection: 11, codeSection: 12, dataSection: 13}

// section is where a section's content lies in the module.
type section struct {
	id         byte
	start, end int
}

// module is what the rewriting has to know of a module besides its code.
type module struct {
	bytes    []byte
	limits   Limits
	sections []section
	types    types
	// functions has the type of each function, imported ones first.
	functions         []uint32
	importedFunctions int
	globals           int
	hasMemory         bool
	// indirectImport: an imported function may be called through a table.
	indirectImport bool
	tables         []tableLimits
}

// tableLimits is where one of the module's own tables says how large it is.
type tableLimits struct {
	start, end int
	min        uint32
	max        uint32
}

var header = []byte("\x00asm\x01\x00\x00\x00")

// readModule walks all sections but the code.
func readModule(b []byte, limits Limits) (*module, error) {
	m := &module{bytes: b, limits: limits}
	if err := within("bytes", "ModuleBytes", len(b), limits.ModuleBytes); err != nil {
		return nil, m.locate(err, "", 0)
	}
	if !bytes.HasPrefix(b, header) {
		return nil, m.locate(refuse(Invalid, "this is not a WebAssembly 1 module: it begins with % x", b[:min(8, len(b))]), "", 0)
	}
	if err := m.split(); err != nil {
		return nil, err
	}
	for _, s := range m.sections {
		r := &reader{b: b, pos: s.start, end: s.end}
		read := m.reader(s.id)
		if read == nil {
			continue
		}
		err := read(r)
		if err == nil && r.pos != r.end {
			err = refuse(Invalid, "the section holds %d bytes more than it says", r.end-r.pos)
		}
		if err != nil {
			return nil, m.locate(err, sectionNames[s.id], r.pos)
		}
	}
	if m.hasCode() {
		m.types.need("")
	}
	for _, f := range m.functions[m.importedFunctions:] {
		if results := m.types.own[f].results; len(results) > 1 {
			m.types.need(results)
		}
	}
	return m, nil
}

// hasCode: it has functions of its own.
func (m *module) hasCode() bool { return len(m.functions) > m.importedFunctions }

func (m *module) reader(id byte) func(*reader) error {
	switch id {
	case typeSection:
		return m.readTypes
	case importSection:
		return m.readImports
	case functionSection:
		return m.readFunctions
	case tableSection:
		return m.readTables
	case memorySection:
		return m.readMemories
	case globalSection:
		return m.readGlobals
	case exportSection:
		return m.readExports
	case startSection:
		return m.readStart
	case elementSection:
		return m.readElements
	case dataSection:
		return m.readData
	}
	return nil
}

// split finds the sections and checks their order.
func (m *module) split() error {
	r := &reader{b: m.bytes, pos: len(header), end: len(m.bytes)}
	last := 0
	for r.more() {
		at := r.pos
		id := r.byte()
		size := int(r.u32())
		start := r.pos
		switch r.bytes(size); {
		case r.err != nil:
			return m.locate(r.err, "", at)
		case id == tagSection:
			return m.locate(unsupported("exception handling"), "tag", at)
		case int(id) >= len(sectionNames):
			return m.locate(refuse(Invalid, "there is no section %d", id), "", at)
		case id == customSection:
			if name := (&reader{b: m.bytes, pos: start, end: start + size}); !utf8.ValidString(name.name()) || name.err != nil {
				return m.locate(refuse(Invalid, "its name is malformed"), "custom", at)
			}
		case sectionOrder[id] <= last:
			return m.locate(refuse(Invalid, "it comes twice or too late"), sectionNames[id], at)
		default:
			last = sectionOrder[id]
		}
		m.sections = append(m.sections, section{id, start, start + size})
	}
	return nil
}

// locate makes any error one that says where.
func (m *module) locate(err error, section string, offset int) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = refuse(Invalid, "%v", err)
	}
	if e.Section == "" {
		e.Section = section
	}
	if e.Offset < 0 {
		e.Offset = offset
	}
	return e
}

// codeBound are custom sections that point into the code by offset. They would
// be wrong after the code has changed, so they are left out.
func codeBound(name string) bool {
	return strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, "reloc.") ||
		strings.HasPrefix(name, "metadata.code.") || name == "sourceMappingURL" || name == "external_debug_info"
}
