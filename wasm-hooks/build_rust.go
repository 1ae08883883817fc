package wasmhooks

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	rustTarget = "wasm32-unknown-unknown"
	rustHint   = "install Rust with its WebAssembly target (Debian: apt-get install rustc libstd-rust-dev-wasm32 lld; with rustup: rustup target add " + rustTarget + ")"
)

// buildRust compiles lib.rs, or src/lib.rs, and what it names.
func buildRust(ctx context.Context, b build) error {
	rustc, err := rustCompiler(ctx)
	if err != nil {
		return err
	}
	source := "lib.rs"
	if _, err := os.Stat(filepath.Join(b.dir, source)); err != nil {
		source = filepath.Join("src", source)
	}
	return b.run(ctx, nil, rustc, "--edition=2021", "--crate-type=cdylib", "--crate-name=hook", "--target="+rustTarget,
		"-Copt-level=2", "-Clto=fat", "-Ccodegen-units=1", "-Cpanic=abort", "-Cstrip=symbols",
		"-Ctarget-feature=+bulk-memory", "-Clink-arg=-zstack-size=262144", "-o", b.out, source)
}

// rustCompiler finds the first rustc on the path that has the standard library
// for the target: a machine may have several.
func rustCompiler(ctx context.Context) (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		rustc, err := exec.LookPath(filepath.Join(dir, "rustc"))
		if err != nil {
			continue
		}
		lib, err := exec.CommandContext(ctx, rustc, "--print=target-libdir", "--target="+rustTarget).Output()
		if err != nil {
			continue
		}
		if found, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(lib)), "libstd-*.rlib")); err == nil && len(found) > 0 {
			return rustc, nil
		}
	}
	return "", &MissingToolchainError{"rustc for " + rustTarget, rustHint}
}
