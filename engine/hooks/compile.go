package hooks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tetratelabs/wazero"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// codeVersion is part of what makes compiled code usable. Raise it when the
// same module would be rewritten to another one than before, or when what is
// kept of a script changes.
const codeVersion = 3

// A compilation's folder has what was installed, and then what was made of it.
const (
	originalName = "original"
	productName  = "product" // the metered module, hollow; or the prepared script
	codeName     = "code"    // a folder of wazero's; none for a script
)

// source is what there is to compile.
type source string

const (
	hookSource    source = "hook" // a module that has to be a hook
	quickJSSource source = "quickJS"
	scriptSource  source = "script"
)

// compilation is a module or script to compile.
type compilation struct {
	// Version is the codeVersion that is wanted.
	Version int           `json:"version"`
	Dir     string        `json:"dir"`
	Source  source        `json:"source"`
	Limits  compileLimits `json:"limits"`
}

// compileLimits bound a compiler process.
type compileLimits struct {
	MemoryBytes uint64 `json:"memoryBytes"`
	Seconds     uint64 `json:"seconds"`
	// FileBytes bound each file that it writes.
	FileBytes uint64 `json:"fileBytes"`
}

// run makes the product and the code, and leaves them in the folder. What is
// wrong with what was installed is an *engine.Error.
func (c compilation) run(ctx context.Context) (err error) {
	if c.Version != codeVersion {
		return engine.Errorf(engine.CodeUnavailable, "the engine's program was replaced by another version since it was started: start it anew, then install the hook")
	}
	// Compilers panic on what they did not expect.
	defer func() {
		if p := recover(); p != nil {
			err = refuse("the compiler failed on the module: %s", tame(fmt.Sprint(p), 500))
		}
	}()
	original, err := os.ReadFile(filepath.Join(c.Dir, originalName))
	if err != nil {
		return err
	}
	var product []byte
	if c.Source == scriptSource {
		product, err = encodeScript(original)
	} else {
		product, err = c.compileModule(ctx, original)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.Dir, productName), product, 0o600)
}

// compileModule meters, checks and compiles a module, and returns it hollow.
func (c compilation) compileModule(ctx context.Context, original []byte) ([]byte, error) {
	config := metering.DefaultConfig()
	if c.Source == quickJSSource {
		config = quickJSConfig()
	}
	metered, err := metering.Rewrite(original, config)
	if err != nil {
		return nil, refusal(err)
	}
	if c.Source == hookSource {
		if _, _, err := checkHook(metered); err != nil {
			return nil, err
		}
	}
	code, err := wazero.NewCompilationCacheWithDir(filepath.Join(c.Dir, codeName))
	if err != nil {
		return nil, err
	}
	defer code.Close(ctx)
	r := wazero.NewRuntimeWithConfig(ctx, runtimeConfig(code))
	defer r.Close(ctx)
	if err := compileInto(ctx, r, metered); err != nil {
		return nil, err
	}
	return c.passOff(ctx, r, metered)
}

func compileInto(ctx context.Context, r wazero.Runtime, module []byte) error {
	compiled, err := r.CompileModule(ctx, module)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err // its code could not be written
	}
	if err != nil {
		return refuse("the module is not valid: %s", tame(err.Error(), 500))
	}
	return compiled.Close(ctx)
}

// passOff gives a module's code the name in wazero's cache that the hollow
// module's has, which it returns: to load that validates nothing anew, and all
// that wazero takes from the module then is the same in both.
func (c compilation) passOff(ctx context.Context, r wazero.Runtime, metered []byte) ([]byte, error) {
	files := filepath.Join(c.Dir, codeName, "*", "*")
	full, err := filepath.Glob(files)
	if err != nil {
		return nil, err
	}
	product, err := hollow(metered)
	if err == nil {
		err = compileInto(ctx, r, product)
	}
	if err != nil {
		return nil, err
	}
	both, err := filepath.Glob(files)
	if err != nil {
		return nil, err
	}
	for _, name := range both {
		if !slices.Contains(full, name) {
			return product, os.Rename(full[0], name)
		}
	}
	return product, nil // it has no functions
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
