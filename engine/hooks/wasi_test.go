package hooks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

func TestAllOfWASILinks(t *testing.T) {
	theirs := wazero.NewRuntime(t.Context())
	defer theirs.Close(t.Context())
	if _, err := wasi_snapshot_preview1.Instantiate(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	ours := wazero.NewRuntime(t.Context())
	defer ours.Close(t.Context())
	if err := hooks.InstantiateImports(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	const wasi = "wasi_snapshot_preview1"
	have := ours.Module(wasi).ExportedFunctionDefinitions()
	for name, want := range theirs.Module(wasi).ExportedFunctionDefinitions() {
		if f, ok := have[name]; !ok || !slices.Equal(f.ParamTypes(), want.ParamTypes()) || !slices.Equal(f.ResultTypes(), want.ResultTypes()) || !hooks.Offered(wasi, name) {
			t.Errorf("%s is not offered as it is specified", name)
		}
	}
	if hooks.Offered(wasi, "fd_teleport") || hooks.Offered("env", "log") || !hooks.Offered("engine", "log") {
		t.Error("the wrong functions are offered")
	}
}

// TestHostFunctionsAreGivenAnything calls each function with what is no
// address, no file and no count: it may fail, and nothing more.
func TestHostFunctionsAreGivenAnything(t *testing.T) {
	r := wazero.NewRuntime(t.Context())
	defer r.Close(t.Context())
	if err := hooks.InstantiateImports(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	b := mustOpen(t)
	g := answering("")
	var code strings.Builder
	calls := 0
	for name, f := range r.Module("wasi_snapshot_preview1").ExportedFunctionDefinitions() {
		if name == "proc_exit" {
			continue
		}
		signature := make([]string, len(f.ParamTypes()))
		for i, p := range f.ParamTypes() {
			signature[i] = map[byte]string{0x7f: "i32", 0x7e: "i64"}[p]
		}
		g.assembly = g.importing(imported{module: "wasi_snapshot_preview1", name: name, signature: strings.Join(signature, " ") + "->i32"})
		for _, first := range []int{0, 1, 2, 3, -1} {
			for _, rest := range []int{0, 1, 16, 65535, -1, -8} {
				for i, p := range signature {
					n := rest
					if i == 0 {
						n = first
					}
					fmt.Fprintf(&code, "%s.const %d ", p, n)
				}
				fmt.Fprintf(&code, "call %d drop ", calls)
			}
		}
		calls++
	}
	b.mustUse("curious", g.doing("on_message", code.String()).bytes(), func(r *engine.HookRecord) { r.Limits.Fuel = 1 << 50 })
	if _, _, err := b.message("a"); err != nil {
		t.Error(err)
	}
}

func TestRandomnessIsAnInstancesOwn(t *testing.T) {
	b := mustOpen(t)
	const answer = `{"action":"replace","content":"0123456789"}`
	g := guest{reactor(), answer}
	g.assembly = g.importing(imported{module: "wasi_snapshot_preview1", name: "random_get", signature: "i32 i32->i32"})
	at := answerAt + strings.IndexByte(answer, '0')
	code := fmt.Sprintf("i32.const %d i32.const 10 call 0 drop ", at)
	for i := range 10 {
		code += fmt.Sprintf("i32.const %d i32.const %d i32.load8_u 0 0 i32.const 15 i32.and i32.const 65 i32.add i32.store8 0 0 ", at+i, at+i)
	}
	b.mustUse("dice", g.doing("on_message", code).bytes())
	seen := map[string]bool{}
	for n := range 20 {
		content, _, err := b.message(fmt.Sprint(n % 10))
		if err != nil || seen[content] {
			t.Errorf("%s again, %v", content, err)
		}
		seen[content] = true
	}
	var tried []string
	for range 2 {
		steps, _, err := b.DryRun(t.Context(), onMessage("a", &subject{content: `""`}), b.records)
		if err != nil {
			t.Fatal(err)
		}
		tried = append(tried, string(steps[0].Output))
	}
	if tried[0] != tried[1] {
		t.Errorf("dry runs differ: %s", tried)
	}
}
