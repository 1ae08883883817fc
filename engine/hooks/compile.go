package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// codeVersion is part of what makes compiled code usable. Raise it when the
// same module would be rewritten to another one than before.
const codeVersion = 1

// A compilation's folder has the module, and then what was made of it.
const (
	originalName = "original.wasm"
	meteredName  = "metered.wasm"
	codeName     = "code" // a folder of wazero's
)

// compilation is a module to compile.
type compilation struct {
	// Version is the codeVersion that is wanted.
	Version int    `json:"version"`
	Dir     string `json:"dir"`
	// Hook modules are checked as such. QuickJS is none.
	Hook   bool          `json:"hook"`
	Limits compileLimits `json:"limits"`
}

// compileLimits bound a compiler process.
type compileLimits struct {
	MemoryBytes uint64 `json:"memoryBytes"`
	Seconds     uint64 `json:"seconds"`
	// FileBytes bound each file that it writes.
	FileBytes uint64 `json:"fileBytes"`
}

// run meters, checks and compiles the module, and leaves what came of it in
// the folder. What is wrong with the module is an *engine.Error.
func (c compilation) run(ctx context.Context) (err error) {
	if c.Version != codeVersion {
		return engine.Errorf(engine.CodeUnavailable, "the engine's program was replaced by another version since it was started: start it anew, then install the hook")
	}
	original, err := os.ReadFile(filepath.Join(c.Dir, originalName))
	if err != nil {
		return err
	}
	config := metering.DefaultConfig()
	if !c.Hook {
		config = quickJSConfig()
	}
	metered, err := metering.Rewrite(original, config)
	if err != nil {
		return refusal(err)
	}
	if c.Hook {
		outline, err := readOutline(metered)
		if err != nil {
			return refuse("%s", err)
		}
		if _, _, err := outline.check(); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(c.Dir, meteredName), metered, 0o600); err != nil {
		return err
	}
	// wazero panics on what it did not expect, be it of the module or its own.
	defer func() {
		if p := recover(); p != nil {
			err = refuse("the compiler failed on the module: %s", tame(fmt.Sprint(p), maxListedBytes))
		}
	}()
	code, err := wazero.NewCompilationCacheWithDir(filepath.Join(c.Dir, codeName))
	if err != nil {
		return err
	}
	defer code.Close(ctx)
	r := wazero.NewRuntimeWithConfig(ctx, runtimeConfig(code))
	defer r.Close(ctx)
	compiled, err := r.CompileModule(ctx, metered)
	if err != nil {
		return refuse("the module is not valid: %s", tame(err.Error(), 500))
	}
	return compiled.Close(ctx)
}

// runtimeConfig is the same wherever a module is compiled or loaded: wazero
// keeps code by some of it.
func runtimeConfig(code wazero.CompilationCache) wazero.RuntimeConfig {
	return wazero.NewRuntimeConfigCompiler().WithCompilationCache(code).WithDebugInfoEnabled(false)
}

// refusal makes metering's refusal one of the engine's.
func refusal(err error) error {
	e, ok := errors.AsType[*metering.Error](err)
	if !ok {
		return err
	}
	if e.Reason == metering.OverLimit {
		return overLimit("%s", tame(e.Error(), 500))
	}
	return refuse("%s", tame(e.Error(), 500))
}
