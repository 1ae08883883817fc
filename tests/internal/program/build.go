// Package program builds commands of this module for tests that run them.
package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
)

// Build compiles a package of this module, such as "cmd/engine", and returns
// the binary's path. It lies beside the running test's own binary, where "go
// test" removes it.
func Build(pkg string, flags ...string) (string, error) {
	return BuildAs(path.Base(pkg), pkg, flags...)
}

// BuildAs is Build of a binary with another name than the package's.
func BuildAs(name, pkg string, flags ...string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	to := filepath.Join(filepath.Dir(self), name)
	args := slices.Concat([]string{"build", "-o", to}, flags, []string{"github.com/twinbox/twinbox/" + pkg})
	out, err := exec.CommandContext(context.Background(), "go", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return to, nil
}
