package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// guests are the hooks in testdata, and the peer's plug-in, in folder.
type guests struct{ folder string }

// buildGuests compiles them, from the root folder of the project.
func buildGuests(ctx context.Context, folder, extism string) (guests, error) {
	g := guests{folder}
	for _, name := range []string{"pass", "look", "rewrite"} {
		if err := g.build(ctx, name); err != nil {
			return g, err
		}
	}
	if err := build(ctx, extism, "./guest", g.path("extism"), true); err != nil {
		return g, err
	}
	return g, build(ctx, extism, ".", filepath.Join(folder, "extism"), false)
}

func (g guests) build(ctx context.Context, name string) error {
	return build(ctx, ".", "./tests/bench/testdata/"+name, g.path(name), true)
}

func (g guests) path(name string) string { return filepath.Join(g.folder, name+".wasm") }

func (g guests) read(name string) ([]byte, error) { return os.ReadFile(g.path(name)) }

// build compiles a package, in the module that dir is in.
func build(ctx context.Context, dir, pkg, out string, wasm bool) error {
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", out}
	cmd := exec.CommandContext(ctx, "go")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if wasm {
		args = append(args, "-buildmode=c-shared")
		cmd.Env = append(cmd.Env, "GOOS=wasip1", "GOARCH=wasm")
	}
	cmd.Args = append(append(cmd.Args, args...), pkg)
	cmd.Dir = dir
	if printed, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, printed)
	}
	return nil
}
