package wasmhooks

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// buildGo makes a reactor of a program that exports functions, and else a
// command.
func buildGo(ctx context.Context, b build) error {
	goTool, err := tool("go", "install Go 1.24 or later, from https://go.dev/dl or your system's packages")
	if err != nil {
		return err
	}
	env := []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}
	reactor, err := exportsFunctions(ctx, b, env, goTool)
	if err != nil {
		return err
	}
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", b.out}
	if reactor {
		args = append(args, "-buildmode=c-shared")
	}
	return b.run(ctx, env, goTool, append(args, ".")...)
}

// exportsFunctions tells whether a package of the program, other than the
// standard library's, has a go:wasmexport.
func exportsFunctions(ctx context.Context, b build, env []string, goTool string) (bool, error) {
	c := exec.CommandContext(ctx, goTool, "list", "-deps", "-f", `{{if not .Standard}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{end}}`, ".")
	c.Dir, c.Stderr, c.Env = b.dir, b.stderr, append(os.Environ(), env...)
	list, err := c.Output()
	if err != nil {
		return false, err
	}
	for file := range strings.Lines(string(list)) {
		source, err := os.ReadFile(filepath.FromSlash(strings.TrimSpace(file)))
		if err != nil {
			return false, err
		}
		if bytes.Contains(source, []byte("\n//go:wasmexport ")) {
			return true, nil
		}
	}
	return false, nil
}
