package hooks

import (
	"errors"
	"fmt"
	"strings"
)

// outline is what a module imports, exports and has for memory. Function and
// memory indexes count imports first.
type outline struct {
	types     []functionType
	imports   []imported
	functions []uint32 // their types
	memories  []uint32 // the pages that they begin with
	exports   map[string]exported
}

type (
	functionType struct{ params, results string } // a byte for each value, as encoded
	imported     struct {
		module, name string
		kind         byte
	}
	exported struct {
		kind  byte
		index uint32
	}
)

const (
	functionKind = iota
	tableKind
	memoryKind
	globalKind
)

var errMalformed = errors.New("the module is malformed")

// readOutline reads a module that metering has rewritten, so its counts are
// within limits. It looks at nothing that it does not need.
func readOutline(module []byte) (*outline, error) {
	o := &outline{exports: make(map[string]exported)}
	r := wasmReader{b: module}
	r.bytes(8)
	for len(r.b) > 0 && r.err == nil {
		id := r.byte()
		section := wasmReader{b: r.bytes(r.u32())}
		read := map[byte]func(*wasmReader){1: o.readType, 2: o.readImport, 3: o.readFunction, 5: o.readMemory, 7: o.readExport}[id]
		if read == nil {
			continue
		}
		for n := section.u32(); n > 0 && section.err == nil; n-- {
			read(&section)
		}
		r.err = errors.Join(r.err, section.err)
	}
	return o, r.err
}

func (o *outline) readType(r *wasmReader) {
	r.byte() // a function type's form
	o.types = append(o.types, functionType{params: string(r.bytes(r.u32())), results: string(r.bytes(r.u32()))})
}

func (o *outline) readImport(r *wasmReader) {
	i := imported{module: string(r.bytes(r.u32())), name: string(r.bytes(r.u32())), kind: r.byte()}
	switch i.kind {
	case functionKind:
		o.readFunction(r)
	case tableKind:
		r.byte()
		r.limits()
	case memoryKind:
		o.readMemory(r)
	case globalKind:
		r.bytes(2)
	default:
		r.err = errMalformed
	}
	o.imports = append(o.imports, i)
}

func (o *outline) readFunction(r *wasmReader) { o.functions = append(o.functions, r.u32()) }

func (o *outline) readMemory(r *wasmReader) { o.memories = append(o.memories, r.limits()) }

func (o *outline) readExport(r *wasmReader) {
	name := string(r.bytes(r.u32()))
	o.exports[name] = exported{kind: r.byte(), index: r.u32()}
}

// typeOf returns the type of a function that is exported.
func (o *outline) typeOf(e exported) (functionType, error) {
	if int64(e.index) >= int64(len(o.functions)) || int64(o.functions[e.index]) >= int64(len(o.types)) {
		return functionType{}, errMalformed
	}
	return o.types[o.functions[e.index]], nil
}

func (t functionType) String() string {
	result := "nothing"
	if t.results != "" {
		result = valueNames(t.results)
	}
	return fmt.Sprintf("(%s) → %s", valueNames(t.params), result)
}

func valueNames(values string) string {
	names := make([]string, len(values))
	for i, v := range []byte(values) {
		switch v {
		case 0x7f:
			names[i] = "i32"
		case 0x7e:
			names[i] = "i64"
		case 0x7d:
			names[i] = "f32"
		case 0x7c:
			names[i] = "f64"
		case 0x7b:
			names[i] = "v128"
		case 0x70:
			names[i] = "funcref"
		default:
			names[i] = "externref"
		}
	}
	return strings.Join(names, ", ")
}

// wasmReader reads the binary format. After an error all that it reads is 0.
type wasmReader struct {
	b   []byte
	err error
}

func (r *wasmReader) bytes(n uint32) []byte {
	if r.err != nil || int64(n) > int64(len(r.b)) {
		r.b, r.err = nil, errMalformed
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *wasmReader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// u32 reads an unsigned LEB128 number.
func (r *wasmReader) u32() uint32 {
	var n uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if n>>32 != 0 {
				break
			}
			return uint32(n)
		}
	}
	r.b, r.err = nil, errMalformed
	return 0
}

// limits returns the smaller of a memory's or table's two limits.
func (r *wasmReader) limits() uint32 {
	flags := r.byte()
	n := r.u32()
	if flags&1 != 0 {
		r.u32()
	}
	return n
}
