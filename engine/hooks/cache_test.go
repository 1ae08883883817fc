package hooks_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// files lists a version's compiled code, the machine code first.
func (s *shelf) files(v engine.HookVersion) []string {
	s.t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(s.dir, "cache", v.SHA256), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) != 3 {
		s.t.Fatal(files, err)
	}
	return files
}

// Whatever happens to compiled code, it is not run: the module is compiled anew.
func TestDamagedCodeIsCompiledAnew(t *testing.T) {
	flip := func(at func(size int) int) func(string) error {
		return func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[at(len(b))] ^= 0x10
			return os.WriteFile(path, b, 0o600)
		}
	}
	for name, damage := range map[string]func(path string) error{
		"removed":        os.Remove,
		"emptied":        func(path string) error { return os.Truncate(path, 0) },
		"cut":            func(path string) error { return os.Truncate(path, 40) },
		"longer":         func(path string) error { return appendTo(path, "!") },
		"first byte":     flip(func(int) int { return 0 }),
		"middle":         flip(func(size int) int { return size / 2 }),
		"last byte":      flip(func(size int) int { return size - 1 }),
		"an offset":      flip(func(size int) int { return min(25, size-1) }), // which wazero's checksum does not cover
		"garbage":        func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("\xcc"), 5000), 0o600) },
		"open to others": func(path string) error { return os.Chmod(path, 0o602) },
		"another's":      func(path string) error { return chown(t, path) },
		"a link": func(path string) error {
			if err := os.Rename(path, path+".moved"); err != nil {
				return err
			}
			return os.Symlink(path+".moved", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpenLibrary(t)
			v := s.mustAdd(reactor().bytes())
			for i := range s.files(v) {
				if err := damage(s.files(v)[i]); err != nil {
					t.Fatal(err)
				}
				s.reopen()
				if mustCall(t, s.mustLoad(v), "hook_abi_version") != 1 {
					t.Fatal("returned something else")
				}
				if n := s.compiled(); n != i+2 {
					t.Fatalf("compiled %d times", n)
				}
			}
		})
	}
}

func TestAnotherModulesCodeIsNotRun(t *testing.T) {
	for name, swap := range map[string]func(old, new string) error{
		"in its place":       os.Rename,
		"by a link to there": func(old, new string) error { return os.Symlink(old, new) },
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpenLibrary(t)
			v, other := s.mustAdd(reactor().bytes()), s.mustAdd(reactor().with("hook_abi_version", "->i32", "\x41\x02").bytes())
			folder := func(v engine.HookVersion) string { return filepath.Join(s.dir, "cache", v.SHA256) }
			if err := os.RemoveAll(folder(v)); err != nil {
				t.Fatal(err)
			}
			if err := swap(folder(other), folder(v)); err != nil {
				t.Fatal(err)
			}
			s.reopen()
			if mustCall(t, s.mustLoad(v), "hook_abi_version") != 1 {
				t.Fatal("the other was called")
			}
		})
	}
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// wazero compiles what it does not find, for a minute or for ever. It must not
// do so within the engine.
func TestCodeOfAnotherProcessorIsCompiledAnewByTheCompilerOnly(t *testing.T) {
	s := mustOpenLibrary(t)
	v := s.mustAdd(reactor().bytes())
	if err := s.MisplaceCode(v.SHA256); err != nil {
		t.Fatal(err)
	}
	if mustCall(t, s.mustLoad(v), "hook_abi_version") != 1 {
		t.Fatal("returned something else")
	}
	if n := s.compiled(); n != 2 {
		t.Fatalf("compiled %d times", n)
	}
	s.mustOpenWith(filepath.Join(t.TempDir(), "nothing"))
	if err := s.MisplaceCode(v.SHA256); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), v, memoryLimit); engine.CodeOf(err) != engine.CodeUnavailable {
		t.Fatalf("loaded, or %v", err)
	}
}

func TestTheCacheKeepsToItsSizeAndGivesUpWhatWasNotUsed(t *testing.T) {
	s := mustOpenLibrary(t)
	var versions []engine.HookVersion
	add := func(n string) { versions = append(versions, s.mustAdd(reactor().numbered(n).bytes())) }
	has := func(which ...int) {
		t.Helper()
		var want []string
		for _, i := range which {
			want = append(want, versions[i].SHA256)
		}
		slices.Sort(want)
		if names := s.list("cache"); !slices.Equal(names, want) {
			t.Fatalf("the cache has %v, not %v", names, want)
		}
	}
	for i := range 4 {
		add(strconv.Itoa(i))
	}
	has(0, 1, 2, 3)
	var size int64
	for _, path := range s.files(versions[0]) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	s.mustLoad(versions[0])
	s.mustLoad(versions[1]).Close()
	s.LimitCache(3 * size)
	add("4")
	has(0, 1, 4)
	s.LimitCache(1)
	add("5")
	has(0, 5) // the one is in use, the other was being added
	if len(s.list("modules")) != 6 {
		t.Fatal("modules went with their code")
	}
}
