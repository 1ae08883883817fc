package metering_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// refusal is the error with which a module is refused.
func refusal(t *testing.T, module []byte, c metering.Config) *metering.Error {
	t.Helper()
	_, err := metering.Rewrite(module, c)
	e, ok := errors.AsType[*metering.Error](err)
	if !ok {
		t.Fatalf("Rewrite answered %v, not a refusal", err)
	}
	return e
}

func function(code string) assembly {
	return assembly{pages: 1, functions: []assembled{{"run", "i32->i32", "i64", code}}}
}

func TestAModuleCannotReachItsMeter(t *testing.T) {
	withGlobals := func(code string) assembly {
		a := function(code)
		a.globals = []string{"i32 0x1 i32.const 7"}
		return a
	}
	exporting := func(name string, kind, index byte) assembly {
		a := withGlobals("i32.const 0")
		a.exports = []exported{{name, kind, index}}
		return a
	}
	initialised := withGlobals("i32.const 0")
	initialised.globals = append(initialised.globals, "i64 0x0 global.get 1")
	importing := function("i32.const 0")
	importing.imports = []imported{{"env", metering.FuelExport, "->"}}
	offset := withGlobals("i32.const 0")
	offset.table, offset.elements = 1, []int{0}
	fromFuel := bytes.Replace(offset.bytes(), assemble("i32.const 0 end 0x1 0x0"), assemble("global.get 2 end 0x1 0x0"), 1)
	started := withGlobals("i32.const 0")
	started.start = 2
	element := withGlobals("i32.const 0")
	element.table, element.elements = 1, []int{1}
	referring := withGlobals("i32.const 0")
	referring.globals = append(referring.globals, "funcref 0x0 ref.func 1")
	for name, module := range map[string][]byte{
		"calls the refill":                   withGlobals("call 1 i32.const 0").bytes(),
		"refers to the refill":               withGlobals("ref.func 1 drop i32.const 0").bytes(),
		"refers to the refill in a global":   referring.bytes(),
		"exports the refill as its own":      exporting("mine", 0, 1).bytes(),
		"starts with the refill":             started.bytes(),
		"has the refill in a table":          element.bytes(),
		"fills the reserve":                  withGlobals("i64.const 99 global.set 3 i32.const 0").bytes(),
		"takes the reserve's name":           exporting(metering.ReserveExport, 0, 0).bytes(),
		"reads the fuel":                     withGlobals("global.get 1 drop i32.const 0").bytes(),
		"fills the fuel":                     withGlobals("i64.const 99 global.set 1 i32.const 0").bytes(),
		"fills the depth":                    withGlobals("i32.const 99 global.set 2 i32.const 0").bytes(),
		"fills the fuel in dead code":        withGlobals("unreachable i64.const 99 global.set 1").bytes(),
		"exports the fuel as its own":        exporting("mine", 3, 1).bytes(),
		"takes the fuel's name":              exporting(metering.FuelExport, 0, 0).bytes(),
		"takes a name with the same prefix":  exporting("twinbox:other", 0, 0).bytes(),
		"begins a global with the fuel":      initialised.bytes(),
		"imports the fuel's name":            importing.bytes(),
		"places its elements by the depth":   fromFuel,
		"has no globals, and fills the fuel": function("i64.const 99 global.set 0 i32.const 0").bytes(),
	} {
		t.Run(name, func(t *testing.T) {
			if e := refusal(t, module, metering.DefaultConfig()); e.Reason != metering.Reserved {
				t.Fatalf("refused as %q: %v", e.Reason, e)
			}
		})
	}
}

// The rewriting adds a local, a label and types, which a module may not use
// either.
func TestAModuleCannotUseWhatTheRewritingAdds(t *testing.T) {
	twoResults := assembly{functions: []assembled{{"run", "i32->i32 i32", "", "block 1 i32.const 0 i32.const 0 end"}}}
	for name, module := range map[string]assembly{
		"the local that holds a length": function("i32.const 0 i32.const 0 i32.const 0 memory.fill local.get 2"),
		"the label of the way out":      function("br 1"),
		"that label in a table":         function("i32.const 0 i32.const 0 br_table 1 0 1"),
		"the type of the body's block":  twoResults,
	} {
		t.Run(name, func(t *testing.T) {
			if e := refusal(t, module.bytes(), metering.DefaultConfig()); e.Reason != metering.Invalid || e.Function != 0 {
				t.Fatalf("refused as %q: %v", e.Reason, e)
			}
		})
	}
}

func TestNewerFeaturesAreRefusedByName(t *testing.T) {
	raw := func(sections string) []byte { return []byte("\x00asm\x01\x00\x00\x00" + sections) }
	for name, c := range map[string]struct {
		module []byte
		says   string
	}{
		"tail call":              {function("0x12 0").bytes(), "tail calls"},
		"exception":              {function("0x8 0").bytes(), "exception handling"},
		"tags":                   {raw("\x0d\x01\x00"), "exception handling"},
		"atomic":                 {function("0xfe 0x3 0x0").bytes(), "threads"},
		"struct":                 {function("0xfb 0x0 0x0").bytes(), "garbage collection"},
		"call_ref":               {function("0x14 0x0").bytes(), "typed function references"},
		"relaxed SIMD":           {function("0xfd 0x80 0x2").bytes(), "relaxed vector instructions"},
		"second memory":          {function("0x3f 0x1").bytes(), "more than one memory"},
		"two memories":           {raw("\x05\x05\x02\x00\x01\x00\x01"), "more than one memory"},
		"shared memory":          {raw("\x05\x04\x01\x03\x01\x02"), "threads"},
		"64-bit memory":          {raw("\x05\x03\x01\x04\x01"), "64-bit memory"},
		"constant arithmetic":    {raw("\x06\x09\x01\x7f\x00\x41\x01\x41\x01\x6a\x0b"), "arithmetic in a constant expression"},
		"rec type":               {raw("\x01\x03\x01\x4e\x00"), "garbage collection"},
		"typed reference":        {raw("\x01\x06\x01\x60\x01\x63\x00\x00"), "typed function references"},
		"table with first value": {raw("\x04\x09\x01\x40\x00\x70\x00\x01\xd0\x70\x0b"), "typed function references"},
	} {
		t.Run(name, func(t *testing.T) {
			e := refusal(t, c.module, metering.DefaultConfig())
			if e.Reason != metering.Unsupported || !strings.Contains(e.Error(), c.says) {
				t.Fatalf("refused as %q: %v", e.Reason, e)
			}
		})
	}
}

// wazero reads vector instructions as one byte, and what follows as the next
// instruction: a longer encoding would be a loop to it and a number to us.
func TestAnInstructionThatTwoReadersReadDifferentlyIsRefused(t *testing.T) {
	for _, code := range []string{"0xfd 0xf0 0x80 0x0 drop", "0xfd 0x8c 0x0 drop", "0xfd 0xf0 0x3 0x40 0xc 0x0 end"} {
		if e := refusal(t, function(code).bytes(), metering.DefaultConfig()); e.Function != 0 {
			t.Errorf("%s: %v", code, e)
		}
	}
}

func TestARefusalNamesTheFunction(t *testing.T) {
	a := assembly{
		imports:   []imported{{"env", "host", "->"}},
		functions: []assembled{{"run", "->", "", "nop"}, {"", "->", "", "global.get 0 drop"}},
		customs:   []custom{{"name", []byte("\x00\x02\x01m\x01\x10\x02\x00\x03env\x02\x08main.foo")}},
	}
	module := a.bytes()
	e := refusal(t, module, metering.DefaultConfig())
	if e.Function != 2 || e.Name != "main.foo" || e.Section != "code" || module[e.Offset-2] != 0x23 {
		t.Fatalf("%+v", e)
	}
	if want := "function 2 (main.foo)"; !strings.Contains(e.Error(), want) {
		t.Fatalf("%q does not say %q", e, want)
	}
}

func TestSectionsAreKept(t *testing.T) {
	names := []byte("\x00\x02\x01m\x01\x06\x01\x00\x03run")
	a := function("i32.const 0")
	a.data = 2
	a.customs = []custom{{"name", names}, {".debug_info", []byte("offsets")}, {"producers", []byte("\x00")}}
	out := mustRewrite(t, a.bytes(), metering.DefaultConfig())
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithCustomSections(true).WithDebugInfoEnabled(false))
	defer r.Close(t.Context())
	c, err := r.CompileModule(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.CustomSections(); len(s) != 1 || s[0].Name() != "producers" {
		t.Errorf("custom sections: %v", s)
	}
	if f := c.ExportedFunctions()["run"]; c.Name() != "m" || f == nil || f.Name() != "run" {
		t.Errorf("names are lost: %q, %v", c.Name(), f)
	}
	if !bytes.Contains(out, []byte{12, 1, 2}) {
		t.Error("the data count is lost")
	}
}

// wazero would make room for as many names as a count says.
func TestAMalformedNameSectionIsLeftOut(t *testing.T) {
	for _, names := range []string{"\x01\x05\xff\xff\xff\xff\x0f", "\x01\x03\x01\x00\x09", "\x00\x03\x02\xff\xfe", "\x02\x05\xff\xff\xff\xff\x0f", "\x01"} {
		a := function("i32.const 0")
		a.customs = []custom{{"name", []byte(names)}}
		if _, err := newRuntime(t).CompileModule(t.Context(), mustRewrite(t, a.bytes(), metering.DefaultConfig())); err != nil {
			t.Errorf("%q: %v", names, err)
		}
	}
}

// A module without any section gets its meter too, so that a host need not ask.
func TestAnEmptyModuleHasAMeter(t *testing.T) {
	m, err := newRuntime(t).Instantiate(t.Context(), mustRewrite(t, assembly{}.bytes(), metering.Config{Fuel: -5, Depth: 77, Limits: metering.DefaultLimits()}))
	if err != nil {
		t.Fatal(err)
	}
	g := gauge(t, m)
	if int64(g.Fuel.Get()) != -5 || g.Depth.Get() != 77 || g.Left() != 0 || g.Exhausted() != metering.OutOfFuel {
		t.Fatalf("fuel %d, depth %d", int64(g.Fuel.Get()), g.Depth.Get())
	}
}

func TestATableGrowsToItsLimitOnly(t *testing.T) {
	a := assembly{table: 10, functions: []assembled{{"run", "i32->i32", "", "ref.null funcref local.get 0 table.grow 0"}}}
	c := metering.DefaultConfig()
	c.Limits.TableElements = 100
	m, err := newRuntime(t).Instantiate(t.Context(), mustRewrite(t, a.bytes(), c))
	if err != nil {
		t.Fatal(err)
	}
	run := m.ExportedFunction("run")
	for _, step := range []struct{ by, answer uint64 }{{91, 1<<32 - 1}, {90, 10}, {1, 1<<32 - 1}} {
		if got, err := run.Call(t.Context(), step.by); err != nil || got[0] != step.answer {
			t.Fatalf("growing by %d answers %v, %v", step.by, got, err)
		}
	}
}

// The fuel comes in slices, but counts as one: no unit is lost between them,
// and the last is as good as the first.
func TestSlicesAreOneBudget(t *testing.T) {
	a := function("loop _ local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end i32.const 0")
	compiled := mustRewrite(t, a.bytes(), metering.DefaultConfig())
	run := func(n uint64, fuel int64) (metering.Gauge, error) {
		m, err := newRuntime(t).Instantiate(t.Context(), compiled)
		if err != nil {
			t.Fatal(err)
		}
		g := gauge(t, m)
		g.Fill(fuel, 100)
		_, err = m.ExportedFunction("run").Call(t.Context(), n)
		return g, err
	}
	const plenty = 1 << 40
	used := func(n uint64) int64 {
		g, err := run(n, plenty)
		if err != nil {
			t.Fatal(err)
		}
		return plenty - g.Left()
	}
	one, many := used(2)-used(1), used(1_000_001)
	if many-used(1) != 1_000_000*one {
		t.Errorf("a million iterations cost %d, one %d", many-used(1), one)
	}
	if g, err := run(1_000_001, many); err != nil || g.Left() != 0 || g.Exhausted() != metering.Neither {
		t.Errorf("given what it costs it ended with %d left, out of %q: %v", g.Left(), g.Exhausted(), err)
	}
	if g, err := run(1_000_001, many-1); err == nil || g.Exhausted() != metering.OutOfFuel {
		t.Errorf("given a unit less it ended out of %q: %v", g.Exhausted(), err)
	}
}

// One iteration of each loop costs what its path holds, and at most the slack
// more for each choice on it.
func TestALoopCostsWhatItsPathHolds(t *testing.T) {
	heavy := strings.Repeat("local.get 1 i64.const 3 i64.mul local.set 1 ", 100) // 300 units
	countdown := "local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0"           // 4
	for name, c := range map[string]struct {
		code        string
		least, most int64
	}{
		"straight":          {heavy, 304, 306},
		"taken arm":         {"i32.const 1 if _ " + heavy + "end", 306, 380},
		"arm not taken":     {"i32.const 0 if _ " + heavy + "end", 6, 80},
		"else":              {"i32.const 0 if _ nop else " + heavy + "end", 306, 380},
		"skipped by br_if":  {"block _ i32.const 1 br_if 0 " + heavy + "end", 6, 80},
		"one of br_table":   {"block _ block _ block _ i32.const 1 br_table 2 0 1 2 end " + heavy + heavy + "end " + heavy + "end", 310, 380},
		"after both arms":   {"i32.const 0 if _ nop else nop end " + heavy, 306, 380},
		"skipped by return": {"i32.const 0 if _ " + heavy + "i32.const 0 return end", 6, 80},
		"call":              {"local.get 1 call 1 local.set 1", 314, 325},
	} {
		t.Run(name, func(t *testing.T) {
			a := assembly{functions: []assembled{
				{"run", "i32->i32", "i64", "loop _ " + c.code + " " + countdown + " end i32.const 0"},
				{"", "i64->i64", "", strings.ReplaceAll(heavy, " 1 ", " 0 ") + "local.get 0"},
			}}
			m, err := newRuntime(t).Instantiate(t.Context(), mustRewrite(t, a.bytes(), metering.DefaultConfig()))
			if err != nil {
				t.Fatal(err)
			}
			g := gauge(t, m)
			used := func(n uint64) int64 {
				g.Fill(1<<40, 100)
				if _, err := m.ExportedFunction("run").Call(t.Context(), n); err != nil {
					t.Fatal(err)
				}
				return 1<<40 - g.Left()
			}
			if one := (used(11) - used(1)) / 10; one < c.least || one > c.most {
				t.Fatalf("an iteration costs %d, not %d to %d", one, c.least, c.most)
			}
		})
	}
}
