package metering_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// storm is a module that never ends by itself, or not soon: run takes an i32.
type storm struct {
	name   string
	module assembly
	out    metering.Resource
}

// endless repeats code in a loop, in a module with much of everything.
func endless(code string, locals string) assembly {
	return assembly{
		pages: 512, table: 10, data: 1, imports: []imported{{"env", "host", "->"}},
		functions: []assembled{{"run", "i32->i32", locals, "loop _ " + code + " br 0 end i32.const 0"}},
	}
}

func storms() []storm {
	fuel := func(name, code, locals string) storm {
		return storm{name, endless(code, locals), metering.OutOfFuel}
	}
	small := endless("i32.const 1 memory.grow drop", "")
	small.pages = 1
	const next = "local.get 0 i32.const 1664525 i32.mul i32.const 1013904223 i32.add local.tee 0 "
	return []storm{
		fuel("an empty loop", "", ""),
		fuel("a loop that adds", "local.get 0 i32.const 7 i32.add local.set 0", ""),
		fuel("a loop within a loop", "loop _ local.get 0 br_if 0 end", ""),
		fuel("a loop that divides", "local.get 1 i64.const 3 i64.div_u i64.const -7 i64.add local.set 1", "i64"),
		fuel("filling all memory", "i32.const 0 i32.const 1 i32.const 33554432 memory.fill", ""),
		fuel("filling one byte", "i32.const 0 i32.const 1 i32.const 1 memory.fill", ""),
		fuel("filling 4 GiB", "i32.const 0 i32.const 1 i32.const -1 memory.fill", ""),
		fuel("copying half the memory", "i32.const 0 i32.const 16000000 i32.const 16000000 memory.copy", ""),
		fuel("copying 4 GiB", "i32.const 0 i32.const 0 i32.const -1 memory.copy", ""),
		fuel("initialising 4 GiB", "i32.const 0 i32.const 0 i32.const -1 memory.init 0 0x0", ""),
		{"growing memory by a page", small, metering.OutOfFuel},
		fuel("growing memory by nothing", "i32.const 0 memory.grow drop", ""),
		fuel("growing memory by 4 Gi pages", "i32.const -1 memory.grow drop", ""),
		fuel("growing a table by one", "ref.null funcref i32.const 1 table.grow 0 drop", ""),
		fuel("growing a table by 4 Gi", "ref.null funcref i32.const -1 table.grow 0 drop", ""),
		fuel("filling 4 Gi of a table", "i32.const 0 ref.null funcref i32.const -1 table.fill 0", ""),
		fuel("copying 4 Gi of a table", "i32.const 0 i32.const 0 i32.const -1 table.copy 0 0", ""),
		fuel("dropping data", "data.drop 0", ""),
		fuel("making references", "ref.func 1 drop", ""),
		fuel("calling the host", "call 0", ""),
		fuel("loads all over memory", strings.Repeat(next+"i32.const 33554428 i32.and i32.load 2 0 local.get 1 i32.add local.set 1 ", 20), "i32"),
		// The worst: each load waits for memory, and for the one before.
		fuel("a chase through memory", next+"i32.const 33554428 i32.and i32.load 2 0 local.get 0 i32.add local.set 0", ""),
		{"a br_table maze", maze(64, next), metering.OutOfFuel},
		{"a maze with 1,500 locals", joints(1500, next), metering.OutOfFuel},
		{"a tree of calls that doubles", doubling(), metering.OutOfFuel},
		{"a host called through a table", hostThroughTable(), metering.OutOfFuel},
		{"recursion", assembly{functions: []assembled{{"run", "i32->i32", "", "local.get 0 call 0"}}}, metering.OutOfDepth},
		{"recursion of two", assembly{functions: []assembled{
			{"run", "i32->i32", "", "local.get 0 call 1"}, {"", "i32->i32", "", "local.get 0 call 0"},
		}}, metering.OutOfDepth},
		// A frame as large as its code allows must not bring the runtime to its
		// own limit, which is hundreds of megabytes of the host's memory.
		{"recursion with large frames", assembly{pages: 1, functions: []assembled{{"run", "i32->i32", "",
			strings.Repeat("local.get 0 i32.load 2 0 ", 2000) + "local.get 0 call 0 " + strings.Repeat("i32.add ", 2000)}}}, metering.OutOfDepth},
		{"recursion through a table", assembly{table: 1, elements: []int{0}, functions: []assembled{
			{"run", "i32->i32", "", "local.get 0 i32.const 0 call_indirect 0 0"},
		}}, metering.OutOfDepth},
	}
}

// maze jumps at random between n places.
func maze(n int, next string) assembly {
	code := strings.Repeat("block _ ", n) + next + fmt.Sprintf("i32.const 16 i32.shr_u i32.const %d i32.and br_table %d ", n-1, n-1)
	for i := range n {
		code += fmt.Sprint(i, " ")
	}
	for i := range n {
		code += fmt.Sprintf("end local.get 1 i32.const %d i32.add local.set 1 br %d ", i, n-1-i)
	}
	return endless(code, "i32")
}

// joints has many values that differ by the path taken, so that a compiler
// moves all of them where the paths meet, although few instructions run.
func joints(locals int, next string) assembly {
	const arms = 32
	index := func(op string, i int) (s string) {
		for _, b := range unsigned(i + 1) {
			s += fmt.Sprintf(" 0x%x", b)
		}
		return op + s + " "
	}
	var code strings.Builder
	code.WriteString("loop _ block _ " + strings.Repeat("block _ ", arms) + next + "i32.const 16 i32.shr_u i32.const 31 i32.and br_table 31 ")
	for i := range arms {
		fmt.Fprint(&code, i, " ")
	}
	for i := range arms - 1 {
		fmt.Fprintf(&code, "end local.get 0 %s br %d ", index("local.set", i*locals/arms), arms-1-i)
	}
	code.WriteString("end local.get 0 i32.const 12345 i32.and i32.eqz if _ ")
	for i := range locals {
		code.WriteString("local.get 0 " + index("local.set", i))
	}
	code.WriteString("end end i32.const 1 br_if 0 end i32.const 0 ")
	for i := range locals {
		code.WriteString(index("local.get", i) + "i32.add ")
	}
	return assembly{functions: []assembled{{"run", "i32->i32", strings.Repeat("i32 ", locals), code.String()}}}
}

// doubling has 33 functions without a loop, each calling the next twice.
func doubling() assembly {
	a := assembly{functions: []assembled{{"run", "i32->i32", "", "call 1 call 1 i32.const 0"}}}
	for i := 2; i < 34; i++ {
		a.functions = append(a.functions, assembled{"", "->", "", fmt.Sprintf("call %d call %d", i, i)})
	}
	a.functions = append(a.functions, assembled{"", "->", "", "nop"})
	return a
}

func hostThroughTable() assembly {
	a := endless("i32.const 0 call_indirect 0 0", "")
	a.table, a.elements = 1, []int{0}
	return a
}

// stormRuntime offers the storms their host function.
func stormRuntime(t testing.TB) wazero.Runtime {
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithMemoryLimitPages(1024).WithMemoryCapacityFromMax(true))
	t.Cleanup(func() { r.Close(t.Context()) })
	_, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(func() {}).Export("host").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryStormRunsOut(t *testing.T) {
	for _, s := range storms() {
		t.Run(s.name, func(t *testing.T) {
			r := stormRuntime(t)
			c := metering.DefaultConfig()
			m, err := r.Instantiate(t.Context(), mustRewrite(t, s.module.bytes(), c))
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.ExportedFunction("run").Call(t.Context(), 12345)
			if out := gauge(t, m).Exhausted(); out != s.out || trap(err) != "unreachable" {
				t.Fatalf("out of %q, want %q; the call: %v", out, s.out, err)
			}
		})
	}
}

func TestAStormInAStartFunctionRunsOut(t *testing.T) {
	module := assembly{start: 1, functions: []assembled{{"", "->", "", "loop _ br 0 end"}}}
	_, err := newRuntime(t).Instantiate(t.Context(), mustRewrite(t, module.bytes(), metering.DefaultConfig()))
	if err == nil || !strings.Contains(err.Error(), "unreachable") {
		t.Fatalf("start: %v", err)
	}
}

// Go's collector stops all goroutines, so it would wait for the end of any that
// cannot be stopped: three collections end within one call only if that
// call lets them.
func TestACollectionDoesNotWaitForACall(t *testing.T) {
	compiled := mustRewrite(t, endless("", "").bytes(), metering.DefaultConfig())
	var collections atomic.Int64
	stop := make(chan struct{})
	var collector sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
				collections.Add(1)
			}
		}
	})
	defer collector.Wait()
	defer close(stop)
	const calls = 20
	for range calls {
		m, err := stormRuntime(t).Instantiate(t.Context(), compiled)
		if err != nil {
			t.Fatal(err)
		}
		g := gauge(t, m)
		g.Fill(400_000_000, metering.DefaultDepth)
		before := collections.Load()
		_, err = m.ExportedFunction("run").Call(t.Context(), 0)
		during := collections.Load() - before
		if g.Exhausted() != metering.OutOfFuel {
			t.Fatalf("the call: %v", err)
		}
		if during >= 3 {
			return
		}
	}
	t.Fatalf("in none of %d calls did three collections end", calls)
}

// A host function that charges what it does stops a module that floods it.
func TestAHostChargesForWhatItDoes(t *testing.T) {
	r := newRuntime(t)
	calls := 0
	_, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module) {
		if gauge(t, m).Charge(1 << 20) {
			calls++
		}
	}).Export("host").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Instantiate(t.Context(), mustRewrite(t, endless("call 0", "").bytes(), metering.DefaultConfig()))
	if err != nil {
		t.Fatal(err)
	}
	gauge(t, m).Fill(10<<20, metering.DefaultDepth)
	_, err = m.ExportedFunction("run").Call(t.Context(), 0)
	if g := gauge(t, m); g.Exhausted() != metering.OutOfFuel || g.Left() != 0 || calls != 9 {
		t.Fatalf("after %d calls out of %q, %d left: %v", calls, g.Exhausted(), g.Left(), err)
	}
}

func BenchmarkStorms(b *testing.B) {
	for _, s := range storms() {
		b.Run(s.name, func(b *testing.B) {
			r := stormRuntime(b)
			compiled := mustCompile(b, r, mustRewrite(b, s.module.bytes(), metering.DefaultConfig()))
			for b.Loop() {
				b.StopTimer()
				m, err := r.InstantiateModule(b.Context(), compiled, wazero.NewModuleConfig().WithName(""))
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err = m.ExportedFunction("run").Call(b.Context(), 12345); err == nil {
					b.Fatal("it ended")
				}
				b.StopTimer()
				m.Close(b.Context())
				b.StartTimer()
			}
		})
	}
}
