package hooks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks/metering"
)

const CodeVersion = codeVersion

// RunsScripts tells whether QuickJS was built in.
func RunsScripts() bool {
	_, err := quickJSModule()
	return err == nil
}

func QuickJSConfig() metering.Config { return quickJSConfig() }

// Library is a library, for the tests of what a host does not show.
type Library struct{ l *library }

func OpenLibrary(dir string, o Options, imports func(context.Context, wazero.Runtime) error) (Library, error) {
	l, err := openLibrary(dir, o, imports)
	return Library{l}, err
}

func (l Library) Add(ctx context.Context, module []byte) (engine.HookVersion, error) {
	return l.l.add(ctx, module)
}

func (l Library) Load(ctx context.Context, v engine.HookVersion, memoryBytes int64) (Program, error) {
	p, err := l.l.load(ctx, v, memoryBytes)
	return Program{p}, err
}

func (l Library) Keep(hashes ...string) error { return l.l.keep(hashes) }

func (l Library) Close() error { return l.l.close() }

// LimitCompiler is for modules that would take minutes, and gigabytes.
func (l Library) LimitCompiler(wall time.Duration, memoryBytes uint64) {
	l.l.compiler.wall, l.l.compiler.limits.MemoryBytes = wall, memoryBytes
}

// LimitProcessor is for the same.
func (l Library) LimitProcessor(seconds uint64) { l.l.compiler.limits.Seconds = seconds }

func (l Library) LimitCache(bytes int64) { l.l.cache.bytes = bytes }

// MisplaceCode gives code the name that it has on another processor, so that
// the cache finds it whole, and wazero does not find it.
func (l Library) MisplaceCode(hash string) error {
	dir := l.l.cache.path(hash)
	files, err := filepath.Glob(filepath.Join(dir, codeName, "*", "*"))
	for _, f := range files {
		err = errors.Join(err, os.Rename(f, f+"0"))
	}
	_, sum, summing := summed(dir, hash)
	return errors.Join(err, summing, os.WriteFile(filepath.Join(dir, sumName), []byte(sum), 0o600))
}

// Program is a program of a Library.
type Program struct{ p *program }

func (p Program) Runtime() wazero.Runtime { return p.p.runtime }

func (p Program) Compiled() wazero.CompiledModule { return p.p.compiled }

func (p Program) Close() { p.p.close() }

// SharesCode tells whether p's code is q's.
func (p Program) SharesCode(q Program) bool { return p.p.compiled == q.p.compiled }
