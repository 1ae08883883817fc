package metering_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// FuzzRewrite runs any module as it is and rewritten. Both must be accepted or
// refused; and where the module as it is ends in time, the rewritten one must
// have the same results, the same trap and the same memory, or have run out.
func FuzzRewrite(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(specFolder(f), "v2", "testdata", "*.wasm"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && len(b) < 4<<10 {
			f.Add(b)
		}
	}
	for _, s := range storms() {
		f.Add(s.module.bytes())
	}
	config := metering.DefaultConfig()
	config.Fuel, config.Depth = 200_000, 200
	config.Limits.MemoryPages, config.Limits.TableElements = 16, 1000
	f.Fuzz(func(t *testing.T, module []byte) {
		if len(module) > 16<<10 {
			return
		}
		rewritten, err := metering.Rewrite(module, config)
		if e, ok := err.(*metering.Error); ok && (e.Reason == metering.Unsupported || e.Reason == metering.OverLimit || e.Function < 0) {
			// wazero might accept it, or trust a count in it and take all memory.
			return
		}
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(16).WithCloseOnContextDone(true).WithDebugInfoEnabled(false))
		defer r.Close(ctx)
		original, originalErr := r.CompileModule(ctx, withoutNames(module))
		if err != nil {
			if originalErr == nil {
				t.Fatalf("refused, but wazero accepts it: %v", err)
			}
			return
		}
		metered, meteredErr := r.CompileModule(ctx, rewritten)
		if (originalErr == nil) != (meteredErr == nil) {
			t.Fatalf("as it is: %v; rewritten: %v", originalErr, meteredErr)
		}
		if originalErr == nil {
			compare(t, r, original, metered)
		}
	})
}

// withoutNames breaks the names of name sections, for the same reason.
func withoutNames(module []byte) []byte {
	return bytes.ReplaceAll(module, []byte("\x04name"), []byte("\x04nome"))
}

// compare calls every export of two instances with the same arguments.
func compare(t *testing.T, r wazero.Runtime, original, metered wazero.CompiledModule) {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if len(original.ImportedFunctions()) > 0 || len(original.ImportedMemories()) > 0 {
		return
	}
	b, errB := r.InstantiateModule(context.Background(), metered, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if errB == nil && gauge(t, b).Exhausted() != metering.Neither || errB != nil && trap(errB) == "unreachable" {
		return // it may have run out, and there is no instance to ask
	}
	a, errA := r.InstantiateModule(ctx, original, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if (errA == nil) != (errB == nil) {
		t.Fatalf("start: as it is: %v; rewritten: %v", errA, errB)
	}
	if errA != nil {
		return
	}
	var names []string
	for name, definition := range original.ExportedFunctions() {
		if !slices.Contains(definition.ResultTypes(), funcref) && !slices.Contains(definition.ParamTypes(), funcref) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	meter := gauge(t, b)
	for _, name := range names[:min(len(names), 8)] {
		meter.Fill(200_000, 200)
		args := make([]uint64, len(original.ExportedFunctions()[name].ParamTypes())*2)
		for i := range args {
			args[i] = uint64(i*2654435761) & 0xffff
		}
		resultB, errB := invoke(context.Background(), b, name, args)
		if meter.Exhausted() != metering.Neither {
			return
		}
		resultA, errA := invoke(ctx, a, name, args)
		if trap(errA) != trap(errB) || !slices.Equal(resultA, resultB) {
			t.Fatalf("%s: as it is: %x, %v; rewritten: %x, %v", name, resultA, errA, resultB, errB)
		}
		if string(memory(a)) != string(memory(b)) {
			t.Fatalf("%s: the memories differ", name)
		}
		if errB != nil {
			return // the frames that the trap left are lost
		}
	}
}

func invoke(ctx context.Context, m api.Module, name string, args []uint64) ([]uint64, error) {
	f := m.ExportedFunction(name)
	width := 0
	for _, t := range f.Definition().ParamTypes() {
		if width++; t == vector128 {
			width++
		}
	}
	return f.Call(ctx, args[:width]...)
}
