package metering_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// specFolder is where wazero's module keeps the compiled tests of the
// WebAssembly specification.
func specFolder(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("find wazero's module: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
}

// Value types that wazero's API has no name for.
const funcref, vector128 api.ValueType = 0x70, 0x7b

type specCommand struct {
	Type       string
	Line       int
	Name, As   string
	Filename   string
	ModuleType string `json:"module_type"`
	Action     struct {
		Type          string
		Field, Module string
		Args          []specValue
	}
}

type specValue struct {
	Type     string
	LaneType string `json:"lane_type"`
	Value    any
}

// bits are the values as wazero passes them.
func (v specValue) bits(t *testing.T) []uint64 {
	lane := map[string]int{"i8": 8, "i16": 16, "i32": 32, "f32": 32, "i64": 64, "f64": 64}
	if v.Type != "v128" {
		s, _ := v.Value.(string)
		if s == "null" || s == "" {
			return []uint64{0}
		}
		n := number(t, s, lane[v.Type])
		if v.Type == "externref" {
			n++ // 0 is null
		}
		return []uint64{n}
	}
	var bits [2]uint64
	width := lane[v.LaneType]
	for i, s := range v.Value.([]any) {
		bits[i*width/64] |= number(t, s.(string), width) << (i * width % 64)
	}
	return bits[:]
}

func number(t *testing.T, s string, width int) uint64 {
	if width == 0 {
		width = 64
	}
	n, err := strconv.ParseUint(s, 10, width)
	if err != nil {
		signed, signedErr := strconv.ParseInt(s, 10, width)
		if signedErr != nil {
			t.Fatalf("%v", err)
		}
		n = uint64(signed) & (math.MaxUint64 >> (64 - width))
	}
	return n
}

// TestSpecificationOfWebAssembly runs every command of the specification's tests
// on each module as it is and as it is rewritten: the two must agree.
func TestSpecificationOfWebAssembly(t *testing.T) {
	folder := specFolder(t)
	scripts, err := filepath.Glob(filepath.Join(folder, "v2", "testdata", "*.json"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts in %s: %v", folder, err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".json"), func(t *testing.T) {
			t.Parallel()
			newPair(t, folder).run(t, script)
		})
	}
}

// pair holds the modules of one script twice: as they are, and rewritten.
type pair struct {
	runtimes [2]wazero.Runtime
	last     [2]api.Module
	named    map[string][2]api.Module
	metered  []api.Module
}

func newPair(t *testing.T, folder string) *pair {
	p := &pair{named: map[string][2]api.Module{}}
	shared, err := os.ReadFile(filepath.Join(folder, "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.runtimes {
		p.runtimes[i] = wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithDebugInfoEnabled(false))
		if _, err := p.runtimes[i].Instantiate(t.Context(), shared); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, r := range p.runtimes {
			if err := r.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	return p
}

func (p *pair) run(t *testing.T, script string) {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	var spec struct{ Commands []specCommand }
	if err := json.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	for i, c := range spec.Commands {
		switch c.Type {
		case "module":
			as := ""
			if i+1 < len(spec.Commands) && spec.Commands[i+1].Type == "register" {
				as = spec.Commands[i+1].As
			}
			p.instantiate(t, script, c, as)
			if p.last[0] == nil {
				t.Fatalf("line %d: the module as it is does not start", c.Line)
			}
			p.named[c.Name] = p.last
		case "assert_invalid", "assert_malformed", "assert_unlinkable", "assert_uninstantiable":
			if c.ModuleType == "text" {
				continue
			}
			before := p.last
			p.instantiate(t, script, c, "")
			p.last = before
		case "action", "assert_return", "assert_trap", "assert_exhaustion":
			p.act(t, c)
		case "register":
		default:
			t.Fatalf("line %d: command %q is unknown", c.Line, c.Type)
		}
	}
}

// instantiate starts both modules; they must agree on whether that works.
func (p *pair) instantiate(t *testing.T, script string, c specCommand, as string) {
	original, err := os.ReadFile(filepath.Join(filepath.Dir(script), c.Filename))
	if err != nil {
		t.Fatal(err)
	}
	config := wazero.NewModuleConfig().WithName(as)
	var errs [2]error
	p.last[0], errs[0] = p.runtimes[0].InstantiateWithConfig(t.Context(), original, config)
	p.last[1] = nil
	rewritten, err := metering.Rewrite(original, permissive())
	if errs[1] = err; err == nil {
		p.last[1], errs[1] = p.runtimes[1].InstantiateWithConfig(t.Context(), rewritten, config)
	}
	if (errs[0] == nil) != (errs[1] == nil) {
		t.Fatalf("line %d, %s: as it is: %v; rewritten: %v", c.Line, c.Filename, errs[0], errs[1])
	}
	if errs[1] == nil {
		p.metered = append(p.metered, p.last[1])
	}
}

const specDepth = 20_000

// refill gives all modules back what a trap has cost them.
func (p *pair) refill(t *testing.T) {
	for _, m := range p.metered {
		gauge(t, m).Fill(1<<40, specDepth)
	}
}

// permissive is a configuration under which nothing is refused for its size
// and nothing runs out.
func permissive() metering.Config {
	const most = math.MaxInt32
	return metering.Config{
		Fuel: 1 << 40, Depth: specDepth,
		Limits: metering.Limits{
			ModuleBytes: most, Types: most, TypeValues: most, Imports: most, Functions: most, FunctionBytes: most,
			Locals: most, Branches: most, Nesting: most, Merges: most, Tables: most, TableElements: math.MaxUint32,
			MemoryPages: most, Globals: most, Exports: most, Elements: most, ElementValues: most, Data: most,
		},
	}
}

// act does one thing with both modules; results, traps and memories must
// agree, and the depth must be what it was.
func (p *pair) act(t *testing.T, c specCommand) {
	modules := p.last
	if c.Action.Module != "" {
		modules = p.named[c.Action.Module]
	}
	var results [2][]uint64
	var errs [2]error
	for i, m := range modules {
		if c.Action.Type == "get" {
			results[i] = []uint64{m.ExportedGlobal(c.Action.Field).Get()}
			continue
		}
		var args []uint64
		for _, a := range c.Action.Args {
			args = append(args, a.bits(t)...)
		}
		results[i], errs[i] = m.ExportedFunction(c.Action.Field).Call(t.Context(), args...)
	}
	what := fmt.Sprintf("line %d, %s %s", c.Line, c.Type, c.Action.Field)
	if c.Type == "assert_exhaustion" {
		if g := gauge(t, modules[1]); errs[0] == nil || g.Exhausted() != metering.OutOfDepth {
			t.Fatalf("%s: as it is: %v; rewritten: %v, out of %q", what, errs[0], errs[1], g.Exhausted())
		}
		p.refill(t)
		return
	}
	if trap(errs[0]) != trap(errs[1]) {
		t.Fatalf("%s: as it is: %v; rewritten: %v", what, errs[0], errs[1])
	}
	if c.Type != "assert_trap" && errs[0] != nil {
		t.Fatalf("%s: %v", what, errs[0])
	}
	for _, m := range p.metered {
		if depth := int32(gauge(t, m).Depth.Get()); errs[1] == nil && depth != specDepth {
			t.Fatalf("%s: after it the depth is %d, not %d", what, depth, specDepth)
		}
	}
	if errs[1] != nil {
		p.refill(t)
	}
	if f := modules[0].ExportedFunction(c.Action.Field); f != nil && slices.Contains(f.Definition().ResultTypes(), funcref) {
		results = [2][]uint64{} // addresses
	}
	if !slices.Equal(results[0], results[1]) {
		t.Fatalf("%s: as it is: %x; rewritten: %x", what, results[0], results[1])
	}
	if a, b := memory(modules[0]), memory(modules[1]); string(a) != string(b) {
		t.Fatalf("%s: memories differ", what)
	}
}

func gauge(t testing.TB, m api.Module) metering.Gauge {
	t.Helper()
	fuel, ok := m.ExportedGlobal(metering.FuelExport).(metering.Global)
	depth, ok2 := m.ExportedGlobal(metering.DepthExport).(metering.Global)
	reserve, ok3 := m.ExportedGlobal(metering.ReserveExport).(metering.Global)
	if !ok || !ok2 || !ok3 {
		t.Fatal("the module does not export its fuel, depth and reserve")
	}
	return metering.Gauge{Fuel: fuel, Depth: depth, Reserve: reserve}
}

// trap is the first line of an error: its kind, without the stack.
func trap(err error) string {
	if err == nil {
		return ""
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func memory(m api.Module) []byte {
	if reflect.ValueOf(m.Memory()).IsNil() { // a nil of some type, where there is none
		return nil
	}
	b, _ := m.Memory().Read(0, m.Memory().Size())
	return b
}
