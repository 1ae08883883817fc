package hooks_test

import (
	"strings"
)

// assembly is a module as the tests write it down. Sections come as they have
// to; each function has a type of its own, imports first.
type assembly struct {
	imports   []imported
	functions []assembled
	memories  []string // their limits
	exports   []string // of anything else: name, kind, index
	start     string   // its index
	customs   []string // names of sections without content
}

type (
	// imported's what is the signature of a function, or else a kind and
	// what follows it.
	imported  struct{ module, name, signature, what string }
	assembled struct{ export, signature, code string }
)

const onePage = "\x00\x01"

// reactor is the smallest hook of that shape.
func reactor() assembly {
	return assembly{
		memories: []string{onePage},
		exports:  []string{"\x06memory\x02\x00"},
		functions: []assembled{
			{"hook_abi_version", "->i32", "\x41\x01"},
			{"hook_alloc", "i32->i32", "\x41\x10"},
			{"on_message", "i32 i32->i64", "\x42\x00"},
		},
	}
}

// command is the smallest hook of that shape.
func command() assembly {
	return assembly{memories: []string{onePage}, exports: []string{"\x06memory\x02\x00"}, functions: []assembled{{"_start", "->", ""}}}
}

// with replaces a function, or adds it.
func (a assembly) with(export, signature, code string) assembly {
	a = a.without(export)
	a.functions = append(a.functions, assembled{export, signature, code})
	return a
}

func (a assembly) without(export string) assembly {
	var kept []assembled
	for _, f := range a.functions {
		if f.export != export {
			kept = append(kept, f)
		}
	}
	a.functions = kept
	return a
}

func (a assembly) importing(i ...imported) assembly {
	a.imports = append(a.imports, i...)
	return a
}

// numbered makes modules that differ in their bytes alone.
func (a assembly) numbered(n string) assembly {
	a.customs = append(a.customs, n)
	return a
}

func (a assembly) bytes() []byte {
	var types, imports, functions, exports, code []string
	typed := func(s string) string {
		params, results, _ := strings.Cut(s, "->")
		types = append(types, "\x60"+typesOf(params)+typesOf(results))
		return unsigned(len(types) - 1)
	}
	imported := 0
	for _, i := range a.imports {
		what := i.what
		if i.signature != "" {
			what = "\x00" + typed(i.signature)
			imported++
		}
		imports = append(imports, sized(i.module)+sized(i.name)+what)
	}
	for i, f := range a.functions {
		functions = append(functions, typed(f.signature))
		if f.export != "" {
			exports = append(exports, sized(f.export)+"\x00"+unsigned(imported+i))
		}
		body := f.code + "\x0b"
		if !strings.HasPrefix(body, "locals") {
			body = "\x00" + body
		}
		code = append(code, sized(strings.TrimPrefix(body, "locals")))
	}
	var out strings.Builder
	out.WriteString("\x00asm\x01\x00\x00\x00")
	section := func(id byte, items []string) {
		if len(items) > 0 {
			out.WriteByte(id)
			out.WriteString(sized(vector(items)))
		}
	}
	section(1, types)
	section(2, imports)
	section(3, functions)
	section(5, a.memories)
	section(7, append(exports, a.exports...))
	if a.start != "" {
		out.WriteString("\x08" + sized(a.start))
	}
	section(10, code)
	for _, name := range a.customs {
		out.WriteString("\x00" + sized(sized(name)))
	}
	return []byte(out.String())
}

func unsigned(n int) string {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return string(append(b, byte(n)))
}

func sized(s string) string { return unsigned(len(s)) + s }

func vector(items []string) string { return unsigned(len(items)) + strings.Join(items, "") }

func typesOf(list string) string {
	var b []byte
	for _, t := range strings.Fields(list) {
		b = append(b, map[string]byte{"i32": 0x7f, "i64": 0x7e, "f64": 0x7c}[t])
	}
	return sized(string(b))
}
