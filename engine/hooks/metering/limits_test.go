package metering_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// Each module is over one limit when that is lowered to the number given, and
// within it at one more.
func TestEveryLimitIsRefusedByName(t *testing.T) {
	many := func(n int) assembly {
		a := assembly{pages: 3, table: 5}
		for i := range n {
			a.functions = append(a.functions, assembled{fmt.Sprint("f", i), "i32->i32", "i64 i64", "local.get 0"})
			a.imports = append(a.imports, imported{"env", "host", "->"})
			a.globals = append(a.globals, "i32 0x1 i32.const 7")
			a.elements = append(a.elements, i)
		}
		a.data = n
		return a
	}
	segments := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x02\x07\x01\x01m\x01f\x00\x00\x09\x0d\x02\x00\x41\x00\x0b\x01\x00\x00\x41\x00\x0b\x01\x00")
	tables := []byte("\x00asm\x01\x00\x00\x00\x04\x07\x02\x70\x00\x01\x70\x00\x01")
	branches := "block _ local.get 0 br_table 3 0 0 0 0 end block _ br 0 end local.get 0 if _ end i32.const 0"
	merging := "loop _ local.get 0 if _ i64.const 1 local.set 1 end end i32.const 0" // 2 places, 2 locals
	for _, c := range []struct {
		name   string
		module []byte
		limit  func(*metering.Limits) *int
		most   int
		says   string
	}{
		{"ModuleBytes", many(4).bytes(), func(l *metering.Limits) *int { return &l.ModuleBytes }, len(many(4).bytes()), "bytes"},
		{"Types", many(4).bytes(), func(l *metering.Limits) *int { return &l.Types }, 8, "type section"},
		{"TypeValues", assembly{functions: []assembled{{"f", "i32 i32 i32->", "", ""}}}.bytes(), func(l *metering.Limits) *int { return &l.TypeValues }, 3, "type section"},
		{"Imports", many(4).bytes(), func(l *metering.Limits) *int { return &l.Imports }, 4, "import section"},
		{"Functions", many(4).bytes(), func(l *metering.Limits) *int { return &l.Functions }, 4, "function section"},
		{"FunctionBytes", function(strings.Repeat("nop ", 100) + "i32.const 0").bytes(), func(l *metering.Limits) *int { return &l.FunctionBytes }, 106, "function 0"},
		{"Locals", many(1).bytes(), func(l *metering.Limits) *int { return &l.Locals }, 3, "function 1"},
		{"Branches", function(branches).bytes(), func(l *metering.Limits) *int { return &l.Branches }, 6, "function 0"},
		{"Nesting", function("block _ block _ block _ end end end i32.const 0").bytes(), func(l *metering.Limits) *int { return &l.Nesting }, 3, "function 0"},
		{"Merges", function(merging).bytes(), func(l *metering.Limits) *int { return &l.Merges }, 4, "function 0"},
		{"Tables", tables, func(l *metering.Limits) *int { return &l.Tables }, 2, "table section"},
		{"TableElements", many(4).bytes(), func(l *metering.Limits) *int { return &l.TableElements }, 5, "table section"},
		{"MemoryPages", many(4).bytes(), func(l *metering.Limits) *int { return &l.MemoryPages }, 3, "memory section"},
		{"Globals", many(4).bytes(), func(l *metering.Limits) *int { return &l.Globals }, 4, "global section"},
		{"Exports", many(4).bytes(), func(l *metering.Limits) *int { return &l.Exports }, 5, "export section"},
		{"Elements", segments, func(l *metering.Limits) *int { return &l.Elements }, 2, "element section"},
		{"ElementValues", segments, func(l *metering.Limits) *int { return &l.ElementValues }, 2, "element section"},
		{"Data", many(4).bytes(), func(l *metering.Limits) *int { return &l.Data }, 4, "data section"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := metering.DefaultConfig()
			*c.limit(&config.Limits) = c.most
			mustRewrite(t, c.module, config)
			*c.limit(&config.Limits) = c.most - 1
			e := refusal(t, c.module, config)
			if e.Reason != metering.OverLimit || !strings.Contains(e.Message, fmt.Sprintf("the limit is %d: ", c.most-1)) || !strings.Contains(e.Error(), c.says) {
				t.Fatalf("refused as %q: %v", e.Reason, e)
			}
		})
	}
}

// What the design names as hostile to a compiler never reaches one.
func TestModulesThatWouldHoldUpACompilerAreRefused(t *testing.T) {
	function := func(code string, locals []byte) []byte {
		body := append(append(locals, assemble(code)...), 0x0b)
		out := []byte("\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x01\x7f\x00\x03\x02\x01\x00\x0a")
		return append(out, sized(append([]byte{1}, sized(body)...))...)
	}
	million := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03")
	million = append(million, sized(append(unsigned(1_000_000), make([]byte, 1_000_000)...))...)
	for name, module := range map[string][]byte{
		"100 MiB":                                append([]byte("\x00asm\x01\x00\x00\x00"), make([]byte, 100<<20)...),
		"a million functions":                    million,
		"400,000 branches":                       function(strings.Repeat("block _ local.get 0 br_if 0 end ", 400_000), []byte{0}),
		"10,000 locals":                          function("nop", append([]byte{1}, append(unsigned(10_000), 0x7f)...)),
		"4 billion locals":                       function("nop", []byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f}),
		"100,000 blocks":                         function(strings.Repeat("block _ ", 100_000)+strings.Repeat("end ", 100_000), []byte{0}),
		"50 loops in each other with 500 locals": function(strings.Repeat("loop _ ", 50)+everyLocal(500)+strings.Repeat("end ", 50), append([]byte{1}, append(unsigned(500), 0x7f)...)),
		"1,000 branches and 1,000 locals":        function(strings.Repeat("block _ local.get 0 br_if 0 end ", 1000)+everyLocal(1000), append([]byte{1}, append(unsigned(1000), 0x7f)...)),
		"a count without its items":              []byte("\x00asm\x01\x00\x00\x00\x01\x05\xff\xff\xff\xff\x0f"),
		"a string longer than it is":             []byte("\x00asm\x01\x00\x00\x00\x02\x06\x01\xff\xff\xff\xff\x0f"),
	} {
		t.Run(name, func(t *testing.T) {
			if e := refusal(t, module, metering.DefaultConfig()); e.Reason != metering.OverLimit && e.Reason != metering.Invalid {
				t.Fatalf("refused as %q: %v", e.Reason, e)
			}
		})
	}
}

// everyLocal reads that many locals.
func everyLocal(n int) string {
	var code strings.Builder
	for i := range n {
		code.WriteString("local.get")
		for _, b := range unsigned(i) {
			fmt.Fprintf(&code, " 0x%x", b)
		}
		code.WriteString(" drop ")
	}
	return code.String()
}
