package metering_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

const aMessage = `{"kind":"chat","text":"hello there, all is well here and now","meta":{"lang":"en","n":3,"tags":["a","b"]}}`

// buildGuest compiles a guest of testdata with the Go toolchain that runs the
// tests.
func buildGuest(t testing.TB, name string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", file, "./testdata/"+name)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the guest %s: %v\n%s", name, err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustRewrite(t testing.TB, module []byte, c metering.Config) []byte {
	t.Helper()
	b, err := metering.Rewrite(module, c)
	if err != nil {
		t.Fatalf("rewrite: %v", err)
	}
	return b
}

// guest is an instance of a hook.
type guest struct {
	api.Module
	alloc, onMessage, done api.Function
}

// start makes an instance with a clock and a source of random numbers that are
// the same each time.
func start(t testing.TB, r wazero.Runtime, compiled wazero.CompiledModule) guest {
	t.Helper()
	m, err := r.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig().WithName("").
		WithRandSource(rand.New(rand.NewSource(1))).WithStartFunctions("_initialize"))
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return guest{m, m.ExportedFunction("hook_alloc"), m.ExportedFunction("on_message"), m.ExportedFunction("hook_done")}
}

func newRuntime(t testing.TB) wazero.Runtime {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithDebugInfoEnabled(false))
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	wasi_snapshot_preview1.MustInstantiate(t.Context(), r)
	return r
}

func mustCompile(t testing.TB, r wazero.Runtime, module []byte) wazero.CompiledModule {
	t.Helper()
	c, err := r.CompileModule(t.Context(), module)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return c
}

// call passes a message through the guest and returns its answer.
func (g guest) call(ctx context.Context, in []byte) (string, error) {
	stack := [2]uint64{uint64(len(in))}
	if err := g.alloc.CallWithStack(ctx, stack[:]); err != nil {
		return "", fmt.Errorf("hook_alloc: %w", err)
	}
	at := uint32(stack[0])
	g.Memory().Write(at, in)
	stack = [2]uint64{uint64(at), uint64(len(in))}
	if err := g.onMessage.CallWithStack(ctx, stack[:]); err != nil {
		return "", fmt.Errorf("on_message: %w", err)
	}
	answer, _ := g.Memory().Read(uint32(stack[0]>>32), uint32(stack[0]))
	text := string(answer)
	if err := g.done.CallWithStack(ctx, nil); err != nil {
		return "", fmt.Errorf("hook_done: %w", err)
	}
	return text, nil
}

// TestAGuest holds what is shown on a hook of several megabytes, which takes
// long to compile under the race detector.
func TestAGuest(t *testing.T) {
	original := buildGuest(t, "transform")
	r := newRuntime(t)
	unmetered := mustCompile(t, r, original)
	metered := mustCompile(t, r, mustRewrite(t, original, metering.DefaultConfig()))

	t.Run("behaves as it did unmetered", func(t *testing.T) {
		a, b := start(t, r, unmetered), start(t, r, metered)
		for _, in := range []string{aMessage, `{"text":"é"}`, `{`, ``, `{"text":"` + strings.Repeat("long ", 1000) + `"}`} {
			gauge(t, b).Fill(metering.DefaultFuel, metering.DefaultDepth)
			want, errA := a.call(t.Context(), []byte(in))
			got, errB := b.call(t.Context(), []byte(in))
			if got != want || errA != nil || errB != nil {
				t.Fatalf("%.40s: %.99q, %v; metered: %.99q, %v", in, want, errA, got, errB)
			}
		}
		if !bytes.Equal(memory(a), memory(b)) {
			t.Error("the memories differ")
		}
	})

	t.Run("costs the same for the same input on every fresh instance", func(t *testing.T) {
		var first []int64
		for range 3 {
			g := start(t, r, metered)
			meter := gauge(t, g)
			costs := []int64{metering.DefaultFuel - meter.Left()}
			for range 50 {
				meter.Fill(metering.DefaultFuel, metering.DefaultDepth)
				if _, err := g.call(t.Context(), []byte(aMessage)); err != nil {
					t.Fatal(err)
				}
				costs = append(costs, metering.DefaultFuel-meter.Left())
			}
			if first == nil {
				first = costs
			}
			if !slices.Equal(costs, first) {
				t.Fatalf("calls cost %v, and %v on another instance", first, costs)
			}
		}
	})

	t.Run("stops with too little fuel", func(t *testing.T) {
		g := start(t, r, metered)
		meter := gauge(t, g)
		meter.Fill(10_000, metering.DefaultDepth)
		if _, err := g.call(t.Context(), []byte(aMessage)); err == nil || meter.Exhausted() != metering.OutOfFuel {
			t.Fatalf("out of %q: %v", meter.Exhausted(), err)
		}
	})
}

// BenchmarkTransform calls the guest as it is and metered in turn, so that a
// busy machine is as busy for both.
func BenchmarkTransform(b *testing.B) {
	original := buildGuest(b, "transform")
	modules := [2][]byte{original, mustRewrite(b, original, metering.DefaultConfig())}
	var guests [2]guest
	r := newRuntime(b)
	for i, module := range modules {
		guests[i] = start(b, r, mustCompile(b, r, module))
	}
	meter := gauge(b, guests[1])
	var times [2][]time.Duration
	var used int64
	for b.Loop() {
		meter.Fill(metering.DefaultFuel, metering.DefaultDepth)
		for i, g := range guests {
			begin := time.Now()
			if _, err := g.call(b.Context(), []byte(aMessage)); err != nil {
				b.Fatal(err)
			}
			times[i] = append(times[i], time.Since(begin))
		}
		used += metering.DefaultFuel - meter.Left()
	}
	var median [2]float64
	for i := range times {
		slices.Sort(times[i])
		median[i] = float64(times[i][len(times[i])/2])
	}
	b.ReportMetric(median[0], "ns/unmetered")
	b.ReportMetric(median[1], "ns/metered")
	b.ReportMetric(median[1]/median[0], "ratio")
	b.ReportMetric(float64(used)/float64(b.N), "fuel/op")
	b.ReportMetric(float64(len(modules[1]))/float64(len(original)), "growth")
}

func BenchmarkRewrite(b *testing.B) {
	original := buildGuest(b, "transform")
	b.SetBytes(int64(len(original)))
	b.ReportAllocs()
	for b.Loop() {
		mustRewrite(b, original, metering.DefaultConfig())
	}
}
