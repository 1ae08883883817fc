package wasmhooks

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	cTarget = "wasm32-wasi"
	cHint   = "install Clang with the WASI libraries (Debian: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32), or unpack the WASI SDK and set WASI_SDK_PATH to its folder"
)

// buildC compiles the C files of the project and of the SDK in it: to a command
// if one has a main, and else to a reactor.
func buildC(ctx context.Context, b build) error {
	compiler, err := cCompiler(ctx)
	if err != nil {
		return err
	}
	sources, err := fs.Glob(os.DirFS(b.dir), "*.c")
	if err != nil {
		return err
	}
	sdk, err := fs.Glob(os.DirFS(b.dir), "hook/*.c")
	if err != nil {
		return err
	}
	model := "reactor"
	command, err := anyHasMain(b.dir, sources)
	if err != nil {
		return err
	}
	if command {
		// This file exports what makes a module a reactor.
		model, sdk = "command", slices.DeleteFunc(sdk, func(f string) bool { return f == "hook/twinbox.c" })
	}
	args := append(compiler[1:], "--target="+cTarget, "-mexec-model="+model,
		"-std=c11", "-Wall", "-Wextra", "-O2", "-flto", "-mbulk-memory", "-I.", "-Ihook",
		// A stack that is too small for its hook traps, and overwrites nothing.
		"-Wl,--stack-first", "-Wl,-z,stack-size=131072", "-Wl,--gc-sections", "-Wl,--strip-all", "-o", b.out)
	return b.run(ctx, nil, compiler[0], slices.Concat(args, sources, sdk)...)
}

// cCompiler finds a Clang that has libraries for WASI, and returns the command
// that runs it.
func cCompiler(ctx context.Context) ([]string, error) {
	if sdk := os.Getenv("WASI_SDK_PATH"); sdk != "" {
		clang, err := tool(filepath.Join(sdk, "bin", "clang"), cHint)
		return []string{clang}, err
	}
	clang, err := tool("clang", cHint)
	if err != nil {
		return nil, err
	}
	if _, err := tool("wasm-ld", cHint); err != nil {
		return nil, err
	}
	builtins, err := exec.CommandContext(ctx, clang, "--target="+cTarget, "--rtlib=compiler-rt", "--print-libgcc-file-name").Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clang, err)
	}
	if _, err := os.Stat(strings.TrimSpace(string(builtins))); err != nil {
		return nil, &MissingToolchainError{"Clang's runtime for WebAssembly", cHint}
	}
	for _, root := range []string{"/usr", "/usr/share/wasi-sysroot", "/usr/local/share/wasi-sysroot", "/opt/homebrew/share/wasi-sysroot"} {
		if _, err := os.Stat(filepath.Join(root, "lib", cTarget, "crt1-reactor.o")); err == nil {
			return []string{clang, "--sysroot=" + root}, nil
		}
	}
	return nil, &MissingToolchainError{"the C library for WASI", cHint}
}

func anyHasMain(dir string, sources []string) (bool, error) {
	main := regexp.MustCompile(`(?m)^\s*(int|void)\s+main\s*\(`)
	for _, f := range sources {
		text, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return false, err
		}
		if main.Match(text) {
			return true, nil
		}
	}
	return false, nil
}
