package metering_test

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

const aMessage = `{"kind":"chat","text":"hello there, my card is 1234-5678 ok","meta":{"lang":"en","n":3,"tags":["a","b"]}}`

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

func BenchmarkTransform(b *testing.B) {
	original := buildGuest(b, "transform")
	rewritten := mustRewrite(b, original, metering.DefaultConfig())
	for name, module := range map[string][]byte{"as it is": original, "metered": rewritten} {
		b.Run(name, func(b *testing.B) {
			r := newRuntime(b)
			g := start(b, r, mustCompile(b, r, module))
			metered := name == "metered"
			var meter metering.Gauge
			if metered {
				meter = gauge(b, g)
			}
			in := []byte(aMessage)
			used := int64(0)
			for b.Loop() {
				if metered {
					meter.Fill(metering.DefaultFuel, metering.DefaultDepth)
				}
				if _, err := g.call(b.Context(), in); err != nil {
					b.Fatal(err)
				}
				if metered {
					used += metering.DefaultFuel - meter.Left()
				}
			}
			b.ReportMetric(float64(used)/float64(b.N), "fuel/op")
			b.ReportMetric(float64(len(module)), "module-bytes")
		})
	}
}

func BenchmarkRewrite(b *testing.B) {
	original := buildGuest(b, "transform")
	b.SetBytes(int64(len(original)))
	b.ReportAllocs()
	for b.Loop() {
		mustRewrite(b, original, metering.DefaultConfig())
	}
}
