// Command extism measures calls of plug-ins in Extism's Go SDK, which is what
// one would otherwise run untrusted hooks with. Its argument is the module
// built of guest; it prints a JSON line for each operation, as bench.mjs does:
// op, n, ops_per_s, p50_ms, p99_ms.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	extism "github.com/extism/go-sdk"
)

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "extism:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, path string) error {
	free, err := open(ctx, path, 0)
	if err != nil {
		return err
	}
	defer free.Close(ctx)
	// A limit of time is what makes Extism stop a plug-in that does not end.
	limited, err := open(ctx, path, time.Second)
	if err != nil {
		return err
	}
	defer limited.Close(ctx)
	text := []byte(`{"sender":"Ada","senderId":"u1","text":"Please look at the pull request and say what you think of it"}`)
	rewritten := []byte(`{"sender":"Ada","senderId":"u1","text":"PLEASE LOOK AT THE PULL REQUEST AND SAY WHAT YOU THINK OF IT"}`)
	megabyte := bytes.Repeat([]byte{7}, 1<<20)
	for _, op := range []struct {
		name, function string
		plugin         *extism.Plugin
		n              int
		in, out        []byte
	}{
		{"pass", "pass", free, 20_000, text, nil},
		{"pass_limited", "pass", limited, 20_000, text, nil},
		{"rewrite", "rewrite", free, 3000, text, rewritten},
		{"rewrite_limited", "rewrite", limited, 3000, text, rewritten},
		{"megabyte", "echo", free, 40, megabyte, megabyte},
	} {
		if err := measure(op.name, op.n, func() ([]byte, error) {
			_, out, err := op.plugin.CallWithContext(ctx, op.function, op.in)
			return out, err
		}, op.out); err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
	}
	return nil
}

func open(ctx context.Context, path string, limit time.Duration) (*extism.Plugin, error) {
	return extism.NewPlugin(ctx, extism.Manifest{
		Wasm:    []extism.Wasm{extism.WasmFile{Path: path}},
		Timeout: uint64(limit.Milliseconds()),
	}, extism.PluginConfig{EnableWasi: true}, nil)
}

func measure(op string, n int, call func() ([]byte, error), want []byte) error {
	took := make([]time.Duration, n)
	var all time.Duration
	for i := range n {
		begun := time.Now()
		out, err := call()
		took[i] = time.Since(begun)
		if err != nil {
			return err
		}
		if !bytes.Equal(out, want) {
			return fmt.Errorf("call %d answered %.200q", i, out)
		}
		all += took[i]
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"op": op, "n": n, "ops_per_s": float64(n) / all.Seconds(), "p50_ms": ms(took[n/2]), "p99_ms": ms(took[n*99/100]),
	})
}
