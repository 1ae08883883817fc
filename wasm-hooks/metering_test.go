//go:build !race

package wasmhooks_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"math"
	"math/rand"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks/metering"
	"github.com/twinbox/twinbox/wasm-hooks/fixture"
)

// A call's result, the answer that it points to, and all of memory afterwards
// are the same with and without metering, for a guest of each language.
func TestMeteringChangesNothingThatAGuestDoes(t *testing.T) {
	for _, dir := range meteredExamples {
		t.Run(dir, func(t *testing.T) {
			dir := filepath.Join("examples", dir)
			module := mustModule(t, dir)
			metered, err := metering.Rewrite(module, metering.DefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			cases, err := fixture.Load(filepath.Join(dir, "fixtures"))
			if err != nil || len(cases) == 0 {
				t.Fatalf("%d cases, %v", len(cases), err)
			}
			plain, counting := newBare(t, module), newBare(t, metered)
			for _, c := range cases {
				want, got := plain.run(t, c), counting.run(t, c)
				if want.result != got.result || want.answer != got.answer || want.memory != got.memory {
					t.Errorf("%s: metered %+v, else %+v", c.Name, got, want)
				}
				if !counting.counted {
					t.Errorf("%s cost nothing", c.Name)
				}
			}
		})
	}
}

// bare is a guest in a runtime with nothing of the engine's.
type bare struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	counted  bool // the last run spent fuel
}

type effect struct {
	result         uint64
	answer, memory [sha256.Size]byte
}

func newBare(t *testing.T, module []byte) *bare {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithDebugInfoEnabled(false))
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	wasi_snapshot_preview1.MustInstantiate(t.Context(), r)
	_, err := r.NewHostModuleBuilder("engine").NewFunctionBuilder().WithFunc(func(_, _, _ uint32) {}).Export("log").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := r.CompileModule(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	return &bare{runtime: r, compiled: compiled}
}

// run does with a fresh instance what the engine does.
func (b *bare) run(t *testing.T, c fixture.Case) effect {
	t.Helper()
	m, err := b.runtime.InstantiateModule(t.Context(), b.compiled, wazero.NewModuleConfig().WithName("").
		WithRandSource(rand.New(rand.NewSource(1))).WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	const plenty = math.MaxInt64
	var gauge metering.Gauge
	if fuel, ok := m.ExportedGlobal(metering.FuelExport).(api.MutableGlobal); ok {
		gauge = metering.Gauge{
			Fuel:    fuel,
			Depth:   m.ExportedGlobal(metering.DepthExport).(api.MutableGlobal),
			Reserve: m.ExportedGlobal(metering.ReserveExport).(api.MutableGlobal),
		}
		gauge.Fill(plenty, math.MaxInt32)
	}
	call := func(name string, args ...uint64) uint64 {
		f := m.ExportedFunction(name)
		if f == nil {
			return 0
		}
		out, err := f.Call(t.Context(), args...)
		if err != nil {
			t.Fatalf("%s: %s: %v", c.Name, name, err)
		}
		return append(out, 0)[0]
	}
	give := func(input []byte) (uint64, uint64) {
		at := call("hook_alloc", uint64(len(input)))
		if !m.Memory().Write(uint32(at), input) {
			t.Fatalf("%s: hook_alloc(%d) answered %d", c.Name, len(input), at)
		}
		return at, uint64(len(input))
	}
	call("_initialize")
	config := c.Config
	if config == nil {
		config = json.RawMessage("null")
	}
	at, size := give(config)
	if problem := call("hook_init", at, size); problem != 0 {
		t.Fatalf("%s: hook_init refused %s", c.Name, config)
	}
	subject, err := engine.NewHookSubject(c.Point, c.Sample)
	if err != nil {
		t.Fatal(err)
	}
	input, err := subject.AppendInput(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	at, size = give(input)
	e := effect{result: call(c.Point.Export(), at, size)}
	answer, ok := m.Memory().Read(uint32(e.result>>32), uint32(e.result))
	if !ok {
		t.Fatalf("%s: the answer is not in memory: %#x", c.Name, e.result)
	}
	e.answer = sha256.Sum256(answer)
	call("hook_done")
	all, _ := m.Memory().Read(0, m.Memory().Size())
	e.memory = sha256.Sum256(all)
	b.counted = gauge.Fuel != nil && gauge.Left() < plenty
	return e
}
