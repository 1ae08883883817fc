package wasmhooks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNothingToBuild is the failure of building a script: it is installed as it
// is.
var ErrNothingToBuild = errors.New("a script needs no build: test and install its file as it is")

// MissingToolchainError says that a program which a language needs is not on
// this machine.
type MissingToolchainError struct {
	// Tool is the program, with what it must be able to do.
	Tool string
	// Hint says how to get it.
	Hint string
}

func (e *MissingToolchainError) Error() string {
	return e.Tool + " was not found: " + e.Hint
}

// build is one run of a toolchain. Both paths are absolute.
type build struct {
	dir, out string
	stderr   io.Writer
}

// Build makes a WebAssembly module of the project in dir, at the path out, or
// if that is "" at DIR/NAME.wasm, where NAME is dir's own. What the toolchain
// says goes to stderr. The error may be a *MissingToolchainError, or
// ErrNothingToBuild.
func Build(ctx context.Context, dir, out string, stderr io.Writer) (err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if out == "" {
		out = filepath.Join(dir, filepath.Base(dir)+".wasm")
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	l, err := languageOf(dir)
	if err != nil {
		return err
	}
	if err := l.build(ctx, build{dir, out, stderr}); err != nil {
		return fmt.Errorf("build %s (%s): %w", dir, l.name, err)
	}
	return nil
}

func nothingToBuild(context.Context, build) error { return ErrNothingToBuild }

// tool finds a program.
func tool(name, hint string) (string, error) {
	p, err := exec.LookPath(name)
	if err != nil {
		return "", &MissingToolchainError{name, hint}
	}
	return p, nil
}

// run runs a program in the project's folder; env is added to this process's.
func (b build) run(ctx context.Context, env []string, program string, args ...string) error {
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Stdout, c.Stderr = b.dir, b.stderr, b.stderr
	c.Env = append(os.Environ(), env...)
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(program), err)
	}
	return nil
}
