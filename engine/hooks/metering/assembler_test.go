package metering_test

import (
	"fmt"
	"strconv"
	"strings"
)

// assembly is a module as the tests write it down.
type assembly struct {
	imports   []imported
	table     int // elements, all of which are filled from elements; 0 for no table
	pages     int // of memory; 0 for no memory
	globals   []string
	functions []assembled
	elements  []int
	start     int // 1 more than the index of the start function
	exports   []exported
	customs   []custom
	data      int // passive data segments of one byte each
}

type (
	imported  struct{ module, name, signature string }
	assembled struct{ export, signature, locals, code string }
	exported  struct {
		name        string
		kind, index byte
	}
	custom struct {
		name    string
		content []byte
	}
)

var valueTypes = map[string]byte{"i32": 0x7f, "i64": 0x7e, "f32": 0x7d, "f64": 0x7c, "v128": 0x7b, "funcref": 0x70}

var opcodes = map[string]string{
	"unreachable": "\x00", "nop": "\x01", "block": "\x02", "loop": "\x03", "if": "\x04", "else": "\x05", "end": "\x0b",
	"br": "\x0c", "br_if": "\x0d", "br_table": "\x0e", "return": "\x0f", "call": "\x10", "call_indirect": "\x11",
	"drop": "\x1a", "local.get": "\x20", "local.set": "\x21", "local.tee": "\x22", "global.get": "\x23", "global.set": "\x24",
	"i32.load": "\x28", "i64.load": "\x29", "i32.store": "\x36", "memory.size": "\x3f\x00", "memory.grow": "\x40\x00",
	"i32.const": "\x41", "i64.const": "\x42", "i32.eqz": "\x45", "i32.lt_u": "\x49", "i32.ge_u": "\x4f",
	"i32.add": "\x6a", "i32.sub": "\x6b", "i32.mul": "\x6c", "i32.and": "\x71", "i32.shr_u": "\x76", "i64.add": "\x7c", "i64.mul": "\x7e",
	"i64.div_u": "\x80", "i64.rem_s": "\x81", "f64.sqrt": "\x9f", "f64.div": "\xa3",
	"ref.null": "\xd0", "ref.func": "\xd2", "data.drop": "\xfc\x09",
	"memory.init": "\xfc\x08", "memory.copy": "\xfc\x0a\x00\x00", "memory.fill": "\xfc\x0b\x00", "table.init": "\xfc\x0c",
	"table.copy": "\xfc\x0e", "table.grow": "\xfc\x0f", "table.size": "\xfc\x10", "table.fill": "\xfc\x11",
}

// assemble turns words into code: an instruction's name, or a number or a type
// for what follows one.
func assemble(code string) []byte {
	var b []byte
	for _, word := range strings.Fields(code) {
		if op, ok := opcodes[word]; ok {
			b = append(b, op...)
		} else if t, ok := valueTypes[word]; ok {
			b = append(b, t)
		} else if word == "_" { // a block without results
			b = append(b, 0x40)
		} else if raw, ok := strings.CutPrefix(word, "0x"); ok {
			n, err := strconv.ParseUint(raw, 16, 8)
			if err != nil {
				panic(err)
			}
			b = append(b, byte(n))
		} else {
			n, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				panic(fmt.Sprintf("%q is no instruction", word))
			}
			b = append(b, signed(n)...)
		}
	}
	return b
}

func unsigned(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// signed is also right for the indexes in the tests' code: those below 64.
func signed(n int64) []byte {
	var b []byte
	for ; n < -64 || n > 63; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n)&0x7f)
}

func sized(b []byte) []byte { return append(unsigned(len(b)), b...) }

func vector(items ...[]byte) []byte {
	b := unsigned(len(items))
	for _, i := range items {
		b = append(b, i...)
	}
	return b
}

func typesOf(list string) []byte {
	var b []byte
	for _, t := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' }) {
		b = append(b, valueTypes[t])
	}
	return b
}

// bytes is the module. Each function has a type of its own, imports first.
func (a assembly) bytes() []byte {
	var types, imports, functions, exports, code, globals, elements [][]byte
	typed := func(signature string) []byte {
		params, results, _ := strings.Cut(signature, "->")
		types = append(types, append(append([]byte{0x60}, sized(typesOf(params))...), sized(typesOf(results))...))
		return unsigned(len(types) - 1)
	}
	for _, i := range a.imports {
		item := append(sized([]byte(i.module)), sized([]byte(i.name))...)
		imports = append(imports, append(append(item, 0), typed(i.signature)...))
	}
	for i, f := range a.functions {
		functions = append(functions, typed(f.signature))
		if f.export != "" {
			exports = append(exports, append(append(sized([]byte(f.export)), 0), unsigned(len(a.imports)+i)...))
		}
		var locals [][]byte
		for _, t := range typesOf(f.locals) {
			locals = append(locals, []byte{1, t})
		}
		code = append(code, sized(append(vector(locals...), assemble(f.code+" end")...)))
	}
	for _, e := range a.exports {
		exports = append(exports, append(sized([]byte(e.name)), e.kind, e.index))
	}
	for _, g := range a.globals {
		globals = append(globals, assemble(g+" end"))
	}
	for _, e := range a.elements {
		elements = append(elements, unsigned(e))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, content []byte) { out = append(append(out, id), sized(content)...) }
	optional := func(id byte, items [][]byte) {
		if len(items) > 0 {
			section(id, vector(items...))
		}
	}
	optional(1, types)
	optional(2, imports)
	optional(3, functions)
	if a.table > 0 {
		section(4, append([]byte{1, 0x70, 0}, unsigned(a.table)...))
	}
	if a.pages > 0 {
		section(5, append([]byte{1, 0}, unsigned(a.pages)...))
		exports = append(exports, append(sized([]byte("memory")), 2, 0))
	}
	optional(6, globals)
	optional(7, exports)
	if a.start > 0 {
		section(8, unsigned(a.start-1))
	}
	if len(elements) > 0 {
		section(9, append(append([]byte{1, 0}, assemble("i32.const 0 end")...), vector(elements...)...))
	}
	if a.data > 0 {
		section(12, unsigned(a.data))
	}
	optional(10, code)
	if a.data > 0 {
		section(11, append(unsigned(a.data), []byte(strings.Repeat("\x01\x01d", a.data))...))
	}
	for _, c := range a.customs {
		section(0, append(sized([]byte(c.name)), c.content...))
	}
	return out
}
