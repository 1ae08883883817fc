package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine/hooks"
	wasmhooks "github.com/twinbox/twinbox/wasm-hooks"
)

// maxModule is more than any engine takes.
const maxModule = 64 << 20

// hookSource is a hook as a command line names it, by FILE or DIR.
type hookSource struct {
	// name is what it is called where nothing else is said.
	name string
	// dir has its fixtures.
	dir string
	// module is what is installed.
	module []byte
}

// readHook reads a hook: a folder is built, a script made one with what it
// imports.
func readHook(c *cobra.Command, path string) (hookSource, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return hookSource{}, fmt.Errorf("find %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return hookSource{}, failf(exitUsage, "there is no hook: %w", err)
	}
	s := hookSource{name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), dir: filepath.Dir(path)}
	if info.IsDir() {
		s.name, s.dir = filepath.Base(path), path
		if path, err = buildHook(c, path, ""); err != nil {
			return hookSource{}, err
		}
	}
	if isScript(path) {
		s.module, err = hooks.Bundle(path)
	} else {
		s.module, err = readModule(path)
	}
	return s, err
}

// buildHook builds the hook in a folder and returns the file to install, which
// is out, or in the folder; of a script it is its own.
func buildHook(c *cobra.Command, dir, out string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", dir, err)
	}
	file := cmp.Or(out, filepath.Join(dir, filepath.Base(dir)+".wasm"))
	err = wasmhooks.Build(c.Context(), dir, file, c.ErrOrStderr())
	if errors.Is(err, wasmhooks.ErrNothingToBuild) && out == "" {
		return scriptIn(dir)
	}
	return file, err
}

func isScript(path string) bool {
	return slices.Contains([]string{".js", ".mjs", ".ts", ".mts"}, filepath.Ext(path))
}

// scriptIn finds the script of a folder: the one that is named hook or like the
// folder, or the only one.
func scriptIn(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("look for a script: %w", err)
	}
	var found []string
	for _, e := range entries {
		if !isScript(e.Name()) || strings.HasSuffix(e.Name(), ".d.ts") {
			continue
		}
		switch strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())) {
		case "hook", filepath.Base(dir):
			return filepath.Join(dir, e.Name()), nil
		}
		found = append(found, e.Name())
	}
	if len(found) == 1 {
		return filepath.Join(dir, found[0]), nil
	}
	return "", failf(exitUsage, "%s has %d scripts (%s), and none is named hook or like the folder: name the one to take", dir, len(found), strings.Join(found, ", "))
}

func readModule(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, failf(exitUsage, "there is no hook: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxModule+1))
	if err != nil {
		return nil, fmt.Errorf("read the hook: %w", err)
	}
	if len(b) > maxModule {
		return nil, failf(exitRefused, "%s has more than %d bytes: this is no hook", path, maxModule)
	}
	return b, nil
}
