package hooks

import (
	"context"
	"errors"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/twinbox/twinbox/engine"
)

const (
	pageBytes = 64 << 10
	maxPages  = 1 << 16
)

// codeKey is what programs that share code have in common.
type codeKey struct {
	hash  string
	pages uint32 // of memory that an instance may have
}

// code is compiled code in memory. A Go hook's takes some 25 MB, so what is
// installed under several names is loaded once.
type code struct {
	key   codeKey
	users int // guarded by library.mu

	// loading is full while someone makes what follows, which then stays until
	// there are no users.
	loading  chan struct{}
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	files    wazero.CompilationCache
}

// sharedRuntime is one user's hold on code. Closing it ends that.
type sharedRuntime struct {
	wazero.Runtime
	compiled wazero.CompiledModule
	release  func() error
}

func (r *sharedRuntime) Close(context.Context) error { return r.release() }

func (r *sharedRuntime) CloseWithExitCode(context.Context, uint32) error { return r.release() }

// share finds a module's code, or loads it.
func (l *library) share(ctx context.Context, key codeKey, module []byte, what source) (*sharedRuntime, error) {
	l.mu.Lock()
	c := l.codes[key]
	if c == nil {
		c = &code{key: key, loading: make(chan struct{}, 1)}
		l.codes[key] = c
	}
	c.users++
	l.mu.Unlock()
	release := sync.OnceValue(func() error { return l.release(c) })
	if err := l.loaded(ctx, c, module, what); err != nil {
		return nil, errors.Join(err, release())
	}
	return &sharedRuntime{c.runtime, c.compiled, release}, nil
}

func (l *library) loaded(ctx context.Context, c *code, module []byte, what source) error {
	select {
	case c.loading <- struct{}{}:
		defer func() { <-c.loading }()
	case <-ctx.Done():
		return engine.Unavailable(context.Cause(ctx), "the wait for a hook to be loaded was ended")
	}
	if c.runtime != nil {
		return nil
	}
	return l.compiled(ctx, c.key.hash, module, what, func() error { return l.read(ctx, c) })
}

// read makes code of what is in the cache, or fails with errStale.
func (l *library) read(ctx context.Context, c *code) (err error) {
	module, dir, err := l.cache.read(c.key.hash)
	if err != nil {
		return err
	}
	outline, err := readOutline(module)
	if err != nil {
		return err
	}
	for _, pages := range outline.memories {
		if pages > c.key.pages {
			return refuse("the module's memory begins with %d bytes, more than the hook's limit of %d: raise limits.memoryBytes, or build it with a smaller memory", int64(pages)*pageBytes, int64(c.key.pages)*pageBytes)
		}
	}
	c.files, err = wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return err
	}
	c.runtime = wazero.NewRuntimeWithConfig(ctx, runtimeConfig(c.files).WithMemoryLimitPages(c.key.pages))
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	// wazero compiles what it does not find; its workers begin nothing in a
	// context that is over, so that this loads code or fails.
	over, cancel := context.WithCancel(ctx)
	cancel()
	c.compiled, err = c.runtime.CompileModule(experimental.WithCompilationWorkers(over, 2), module)
	if errors.Is(err, context.Canceled) {
		return errStale
	}
	if err != nil {
		return err
	}
	return l.imports(ctx, c.runtime)
}

// release ends one use of c.
func (l *library) release(c *code) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.users--; c.users > 0 {
		return nil
	}
	delete(l.codes, c.key)
	return c.close()
}

// close is called when nobody uses c, and by who is loading it.
func (c *code) close() error {
	if c.runtime == nil {
		return nil
	}
	ctx := context.Background()
	err := c.runtime.Close(ctx)
	if c.compiled != nil {
		err = errors.Join(err, c.compiled.Close(ctx))
	}
	err = errors.Join(err, c.files.Close(ctx))
	c.runtime, c.compiled, c.files = nil, nil, nil
	return err
}

// used tells whether a hash's code is in use, or being loaded. The caller
// holds mu.
func (l *library) used(hash string) bool {
	for key := range l.codes {
		if key.hash == hash {
			return true
		}
	}
	return false
}
