package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/twinbox/twinbox/engine"
)

// library has what is installed, as it was given and as it was compiled. Its
// methods may be called concurrently.
type library struct {
	store    store
	cache    cache
	compiler compiler
	imports  func(context.Context, wazero.Runtime) error
	log      *slog.Logger
	// quickJS is the hash of QuickJS's module, "" in a build without.
	quickJS string
	// compiling is full while a module is compiled, and its code kept.
	compiling chan struct{}
	life      context.Context // until close
	stop      context.CancelFunc

	mu    sync.Mutex     // guards what follows; nothing is removed without it
	held  map[string]int // hashes, by calls of add and load
	codes map[codeKey]*code
}

// readVersion has wazero note its version, which it does once in a process, when
// first asked, and without a lock: hooks that load at the same time would race.
var readVersion = sync.OnceValue(func() error {
	return wazero.NewRuntime(context.Background()).Close(context.Background())
})

// openLibrary opens, or makes, a library in a folder of its own. imports
// offers a runtime what programs may import; it may be called concurrently.
func openLibrary(dir string, o Options, imports func(context.Context, wazero.Runtime) error) (*library, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	o.Log = cmp.Or(o.Log, slog.Default())
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &library{
		compiler:  newCompiler(o.Compiler, o.Log),
		imports:   imports,
		log:       o.Log,
		compiling: make(chan struct{}, 1),
		held:      make(map[string]int),
		codes:     make(map[codeKey]*code),
	}
	if err = readVersion(); err == nil {
		err = openPrivate(dir)
	}
	if err == nil {
		l.store, err = openStore(filepath.Join(dir, "modules"))
	}
	if err == nil {
		l.cache, err = openCache(filepath.Join(dir, "cache"), o.Now)
	}
	if err != nil {
		return nil, fmt.Errorf("open the library of hooks: %w", err)
	}
	if module, err := quickJSModule(); err == nil {
		l.quickJS = hashOf(module)
	}
	l.life, l.stop = context.WithCancel(context.Background())
	return l, nil
}

// close ends what is being compiled, and waits for it. Programs are closed by
// who loaded them.
func (l *library) close() error {
	l.stop()
	l.compiling <- struct{}{}
	<-l.compiling
	return nil
}

// add checks, compiles and keeps a module or script. When it returns without
// an error, a crash does not undo it.
func (l *library) add(ctx context.Context, module []byte) (engine.HookVersion, error) {
	binary, err := isModule(module)
	if err != nil {
		return engine.HookVersion{}, err
	}
	v := engine.HookVersion{SHA256: hashOf(module), Size: int64(len(module)), Shape: engine.HookScript}
	defer l.hold(v.SHA256)()
	if binary {
		v.Shape, v.Handles, err = l.addModule(ctx, v.SHA256, module)
	} else {
		v.Handles, err = l.addScript(ctx, v.SHA256, module)
	}
	if err != nil {
		return engine.HookVersion{}, err
	}
	if err := l.store.add(v.SHA256, module); err != nil {
		return engine.HookVersion{}, engine.Unavailable(err, "the module could not be stored")
	}
	return v, nil
}

func (l *library) addModule(ctx context.Context, hash string, module []byte) (shape engine.HookShape, handles []engine.HookPoint, err error) {
	err = l.compiled(ctx, hash, module, hookSource, func() error {
		product, _, err := l.cache.read(hash)
		if err != nil {
			return err
		}
		shape, handles, err = checkHook(product)
		return err
	})
	return shape, handles, err
}

func (l *library) addScript(ctx context.Context, hash string, text []byte) ([]engine.HookPoint, error) {
	s, err := l.script(ctx, hash, text)
	if err != nil {
		return nil, err
	}
	module, err := quickJSModule()
	if err != nil {
		return nil, refuse("%s", err)
	}
	return s.handles, l.compiled(ctx, l.quickJS, module, quickJSSource, func() error {
		_, _, err := l.cache.read(l.quickJS)
		return err
	})
}

// script prepares a script, or reads what was prepared.
func (l *library) script(ctx context.Context, hash string, text []byte) (s *script, err error) {
	err = l.compiled(ctx, hash, text, scriptSource, func() error {
		product, _, err := l.cache.read(hash)
		if err == nil {
			s, err = decodeScript(product)
		}
		return err
	})
	return s, err
}

// hold keeps a hash's files from being removed until the function it returns
// is called.
func (l *library) hold(hash string) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[hash]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.held[hash]--; l.held[hash] == 0 {
			delete(l.held, hash)
		}
	}
}

// compiled calls use. If that is errStale, it compiles the module, and calls
// it again. The caller sees to it that the hash is in use.
func (l *library) compiled(ctx context.Context, hash string, module []byte, what source, use func() error) error {
	if err := use(); !errors.Is(err, errStale) {
		return err
	}
	select {
	case l.compiling <- struct{}{}:
		defer func() { <-l.compiling }()
	case <-ctx.Done():
		return engine.Unavailable(context.Cause(ctx), "the wait for the compiler of hooks was ended")
	}
	if l.life.Err() != nil {
		return engine.Unavailable(l.life.Err(), "the engine is closing")
	}
	// Another may have compiled it meanwhile.
	if err := use(); !errors.Is(err, errStale) {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.life, func() { cancel(errors.New("the engine is closing")) })()
	err := l.cache.fill(hash, module, func(dir string) error { return l.compiler.compile(ctx, dir, what) })
	if err == nil {
		l.trim()
		err = use()
	}
	if _, ok := errors.AsType[*engine.Error](err); err != nil && !ok {
		return engine.Unavailable(err, "the module's compiled code could not be kept")
	}
	return err
}

// load makes a program of what was added as v, whose instances may have
// memoryBytes. It compiles what was compiled by another version of the engine,
// or for another processor, and what is not in the cache any more.
func (l *library) load(ctx context.Context, v engine.HookVersion, memoryBytes int64) (*program, error) {
	defer l.hold(v.SHA256)()
	module, err := l.store.read(v.SHA256)
	if err != nil {
		return nil, err
	}
	p := &program{HookVersion: v}
	hash, what := v.SHA256, hookSource
	if v.Shape == engine.HookScript {
		if p.script, err = l.script(ctx, hash, module); err != nil {
			return nil, err
		}
		if module, err = quickJSModule(); err != nil {
			return nil, refuse("%s", err)
		}
		hash, what = l.quickJS, quickJSSource
	}
	key := codeKey{hash, uint32(min(memoryBytes/pageBytes, maxPages))}
	r, err := l.share(ctx, key, module, what)
	if err != nil {
		return nil, err
	}
	p.runtime, p.compiled = r, r.compiled
	return p, nil
}

// close is called when no instance of p runs any more.
func (p *program) close() { _ = p.runtime.Close(context.Background()) }

// keep removes what is not of the hashes. What is being added or loaded, and
// code that is in use, stay until the next time.
func (l *library) keep(hashes []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	named := func(hash string) bool { return slices.Contains(hashes, hash) || l.held[hash] > 0 }
	return errors.Join(
		l.store.keep(named),
		l.cache.keep(func(hash string) bool { return named(hash) || hash == l.quickJS || l.used(hash) }))
}

func (l *library) trim() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.cache.trim(func(hash string) bool { return hash == l.quickJS || l.held[hash] > 0 || l.used(hash) }); err != nil {
		l.log.Warn("make room in the cache of compiled hooks", "error", err)
	}
}
