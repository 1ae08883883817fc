package hooks_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

func TestProgramsOfOneModuleAndMemoryShareTheirCode(t *testing.T) {
	s := mustOpenLibrary(t)
	v := s.mustAdd(reactor().bytes())
	first, second := s.mustLoad(v), s.mustLoad(v)
	if !first.SharesCode(second) {
		t.Error("loaded twice")
	}
	larger, err := s.Load(t.Context(), v, 2*memoryLimit)
	if err != nil {
		t.Fatal(err)
	}
	defer larger.Close()
	if larger.SharesCode(first) {
		t.Error("programs of different limits share a runtime")
	}
	first.Close()
	first.Close() // a second time is nothing
	if mustCall(t, second, "hook_abi_version") != 1 {
		t.Error("closing one broke another")
	}
}

func TestAModuleThatManyAddAndLoadAtOnceIsCompiledOnce(t *testing.T) {
	s := mustOpenLibrary(t)
	module := reactor().bytes()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			v, err := s.Add(t.Context(), module)
			if err != nil {
				t.Error(err)
				return
			}
			p, err := s.Load(t.Context(), v, memoryLimit)
			if err != nil {
				t.Error(err)
				return
			}
			p.Close()
		})
	}
	wg.Wait()
	if n := s.compiled(); n != 1 {
		t.Fatalf("compiled %d times", n)
	}
}

func TestMemoryIsLimitedWhenAProgramIsLoaded(t *testing.T) {
	s := mustOpenLibrary(t)
	grow := reactor().with("grow", "i32->i32", "\x20\x00\x40\x00")
	grow.memories = []string{"\x00\x03"}
	v := s.mustAdd(grow.bytes())
	for _, c := range []struct {
		limit int64
		most  uint64 // pages
	}{{4 << 16, 4}, {5<<16 - 1, 4}, {8 << 16, 8}} {
		p, err := s.Load(t.Context(), v, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if got := uint32(mustCall(t, p, "grow", c.most-3+1)); got != 1<<32-1 {
			t.Errorf("with %d bytes, memory grew from %d pages to more than %d", c.limit, got, c.most)
		}
		if got := mustCall(t, p, "grow", c.most-3); got != 3 {
			t.Errorf("with %d bytes, memory did not grow to %d pages: %d", c.limit, c.most, got)
		}
		p.Close()
	}
	_, err := s.Load(t.Context(), v, 2<<16)
	if engine.CodeOf(err) != engine.CodeInvalidInput || !strings.Contains(err.Error(), "begins with 196608 bytes, more than the hook's limit of 131072: raise limits.memoryBytes") {
		t.Fatal(err)
	}
}

func TestLoadingAndClosingLeavesNothingBehind(t *testing.T) {
	s := mustOpenLibrary(t)
	v := s.mustAdd(reactor().bytes())
	round := func() {
		p, err := s.Load(t.Context(), v, memoryLimit)
		if err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
	measure := func() (heap uint64, mappings int) {
		for range 3 { // finalizers unmap code, one collection after it was last used
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Skip("this system does not tell what is mapped:", err)
		}
		return m.HeapAlloc, strings.Count(string(maps), "\n")
	}
	for range 50 {
		round()
	}
	heap, mappings := measure()
	for range 1000 {
		round()
	}
	waitFor(t, func() bool {
		h, m := measure()
		return h < heap+1<<20 && m < mappings+50
	})
}

// BenchmarkRestart loads 20 hooks in Go, each a module of its own, as a new
// process does.
func BenchmarkRestart(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "hooks")
	l, err := openLibrary(dir, os.Args[0], "compile", "plain")
	if err != nil {
		b.Fatal(err)
	}
	module := mustBuild(b, "./testdata/upper", "-buildmode=c-shared", "-ldflags=-s -w")
	var versions []engine.HookVersion
	for i := range 20 {
		v, err := l.Add(b.Context(), append(module[:len(module):len(module)], "\x00"+sized(sized(strconv.Itoa(i)))...))
		if err != nil {
			b.Fatal(err)
		}
		versions = append(versions, v)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	var used time.Duration // by all threads: the machine may be busy otherwise
	for b.Loop() {
		used -= processorTime(b)
		l, err := openLibrary(dir)
		if err != nil {
			b.Fatal(err)
		}
		programs := make([]hooks.Program, len(versions))
		var wg sync.WaitGroup
		for core := range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				for i := core; i < len(versions); i += runtime.GOMAXPROCS(0) {
					p, err := l.Load(b.Context(), versions[i], 128<<20)
					if err != nil {
						b.Error(err)
						return
					}
					programs[i] = p
				}
			})
		}
		wg.Wait()
		used += processorTime(b)
		b.StopTimer()
		for _, p := range programs {
			p.Close()
		}
		runtime.GC()
		b.StartTimer()
	}
	b.ReportMetric(float64(used.Milliseconds())/float64(b.N), "cpu-ms/op")
}

func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
