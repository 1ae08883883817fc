// Package guest assembles small WebAssembly modules, for tests that need a
// hook to do one certain thing.
package guest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Module is a module as a test writes it down. It exports its memory.
type Module struct {
	Imports   []Import
	Functions []Function
	Pages     int // of memory; 0 is one
	// Start is the export's name of the function that the start section names;
	// "" is none.
	Start string
	// Data are texts in memory, by their addresses.
	Data map[int]string
}

type (
	// Import is a function of the host's: Signature is like "i32 i64->i32".
	Import struct{ Module, Name, Signature string }
	// Function has Locals of type i32, and Code in words, as for Assemble.
	Function struct {
		Export, Signature, Code string
		Locals                  int
	}
)

// AnswerAt is where Answering puts an answer.
const AnswerAt = 4096

// Reactor is a hook that passes every message, with functions added to what it
// has, or in place of it. Its input is put at 16.
func Reactor(functions ...Function) Module {
	m := Module{Functions: []Function{
		{Export: "hook_abi_version", Signature: "->i32", Code: "i32.const 1"},
		{Export: "hook_alloc", Signature: "i32->i32", Code: "i32.const 16"},
		{Export: "on_message", Signature: "i32 i32->i64", Code: "i64.const 0"},
	}}
	return m.With(functions...)
}

// Answering is a Reactor that answers every message with a text.
func Answering(answer string) Module {
	m := Reactor(Function{Export: "on_message", Signature: "i32 i32->i64", Code: fmt.Sprintf("i64.const %d", AnswerAt<<32|len(answer))})
	m.Data = map[int]string{AnswerAt: answer}
	return m
}

// Command is a program that does something.
func Command(code string) Module {
	return Module{Functions: []Function{{Export: "_start", Signature: "->", Code: code}}}
}

// With is m with functions added, or in place of those of the same export.
func (m Module) With(functions ...Function) Module {
	m.Functions = slices.Clone(m.Functions)
	for _, f := range functions {
		if i := slices.IndexFunc(m.Functions, func(g Function) bool { return g.Export == f.Export }); i >= 0 {
			m.Functions[i] = f
		} else {
			m.Functions = append(m.Functions, f)
		}
	}
	return m
}

// Importing is m with imports, which come first in the numbers that calls use.
func (m Module) Importing(imports ...Import) Module {
	m.Imports = append(slices.Clone(m.Imports), imports...)
	return m
}

// Bytes is the module in the binary format. Each function has a type of its
// own, imports first.
func (m Module) Bytes() []byte {
	var types, imports, functions, exports, code, data []string
	typed := func(signature string) string {
		params, results, _ := strings.Cut(signature, "->")
		types = append(types, "\x60"+valueTypes(params)+valueTypes(results))
		return unsigned(len(types) - 1)
	}
	start := ""
	for _, i := range m.Imports {
		imports = append(imports, sized(i.Module)+sized(i.Name)+"\x00"+typed(i.Signature))
	}
	for i, f := range m.Functions {
		index := unsigned(len(m.Imports) + i)
		functions = append(functions, typed(f.Signature))
		exports = append(exports, sized(f.Export)+"\x00"+index)
		locals := "\x00"
		if f.Locals > 0 {
			locals = "\x01" + unsigned(f.Locals) + "\x7f"
		}
		code = append(code, sized(locals+Assemble(f.Code)+"\x0b"))
		if m.Start != "" && m.Start == f.Export {
			start = index
		}
	}
	exports = append(exports, sized("memory")+"\x02\x00")
	for _, at := range slices.Sorted(maps.Keys(m.Data)) {
		data = append(data, "\x00"+Assemble(fmt.Sprintf("i32.const %d end", at))+sized(m.Data[at]))
	}
	out := "\x00asm\x01\x00\x00\x00"
	for _, s := range []struct {
		id      byte
		content string
	}{
		{1, vector(types)}, {2, vector(imports)}, {3, vector(functions)}, {5, "\x01\x00" + unsigned(max(m.Pages, 1))},
		{7, vector(exports)}, {8, start}, {10, vector(code)}, {11, vector(data)},
	} {
		if s.content != "" {
			out += string(s.id) + sized(s.content)
		}
	}
	return []byte(out)
}

// Assemble turns words into code: an instruction's name, or a number for what
// follows one.
func Assemble(words string) string {
	opcodes := map[string]string{
		"unreachable": "\x00", "block": "\x02\x40", "loop": "\x03\x40", "end": "\x0b", "br": "\x0c", "br_if": "\x0d",
		"call": "\x10", "drop": "\x1a", "local.get": "\x20", "i32.const": "\x41", "i64.const": "\x42", "i32.ne": "\x47",
		"memory.grow": "\x40\x00", "memory.copy": "\xfc\x0a\x00\x00", "memory.fill": "\xfc\x0b\x00",
	}
	var b strings.Builder
	for word := range strings.FieldsSeq(words) {
		if op, ok := opcodes[word]; ok {
			b.WriteString(op)
			continue
		}
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			panic(fmt.Sprintf("%q is no instruction", word))
		}
		b.WriteString(signed(n))
	}
	return b.String()
}

func valueTypes(list string) string {
	var b []byte
	for t := range strings.FieldsSeq(list) {
		b = append(b, map[string]byte{"i32": 0x7f, "i64": 0x7e}[t])
	}
	return sized(string(b))
}

func vector(items []string) string {
	if len(items) == 0 {
		return ""
	}
	return unsigned(len(items)) + strings.Join(items, "")
}

func sized(s string) string { return unsigned(len(s)) + s }

func unsigned(n int) string {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return string(append(b, byte(n)))
}

func signed(n int64) string {
	var b []byte
	for ; n < -64 || n > 63; n >>= 7 {
		b = append(b, byte(n)&0x7f|0x80)
	}
	return string(append(b, byte(n)&0x7f))
}
