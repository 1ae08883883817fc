package hooks_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func TestModulesAreKeptAsTheyWereGivenForTheEngineAlone(t *testing.T) {
	s := mustOpenLibrary(t)
	module := reactor().bytes()
	v := s.mustAdd(module)
	path := filepath.Join(s.dir, "modules", v.SHA256)
	if b, err := os.ReadFile(path); err != nil || string(b) != string(module) {
		t.Fatalf("kept %q: %v", b, err)
	}
	for path, mode := range map[string]os.FileMode{s.dir: 0o700, filepath.Dir(path): 0o700, filepath.Join(s.dir, "cache"): 0o700, path: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

func TestAStoredModuleThatIsNotWhatWasInstalledIsNotLoaded(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(path string) error
		says   string
	}{
		"removed":   {os.Remove, "is missing"},
		"truncated": {func(path string) error { return os.Truncate(path, 20) }, "is damaged"},
		"altered":   {func(path string) error { return os.WriteFile(path, reactor().numbered("2").bytes(), 0o600) }, "is damaged"},
		"linked": {func(path string) error {
			other := filepath.Join(filepath.Dir(filepath.Dir(path)), "other")
			if err := os.Rename(path, other); err != nil {
				return err
			}
			return os.Symlink(other, path)
		}, "is not a file"},
		"a folder": {func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.MkdirAll(filepath.Join(path, "in it"), 0o700)
		}, "is not a file"},
		"open to others": {func(path string) error { return os.Chmod(path, 0o666) }, "may be written by others"},
		"another's":      {func(path string) error { return chown(t, path) }, "belongs to user 12345"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpenLibrary(t)
			v := s.mustAdd(reactor().bytes())
			if err := c.damage(filepath.Join(s.dir, "modules", v.SHA256)); err != nil {
				t.Fatal(err)
			}
			_, err := s.Load(t.Context(), v, memoryLimit)
			if engine.CodeOf(err) != engine.CodeInvalidInput {
				t.Fatalf("loaded, or %v", err)
			}
			for _, part := range []string{v.SHA256, c.says, "install it again, or roll the hook back"} {
				if !strings.Contains(err.Error(), part) {
					t.Fatalf("does not say %q: %v", part, err)
				}
			}
			s.mustAdd(reactor().bytes())
			s.mustLoad(v)
		})
	}
}

func chown(t *testing.T, path string) error {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	return os.Chown(path, 12345, -1)
}

func TestAHashFromARecordIsNoPath(t *testing.T) {
	s := mustOpenLibrary(t)
	v := s.mustAdd(reactor().bytes())
	for _, hash := range []string{"", ".", "../modules/" + v.SHA256, v.SHA256 + "/", strings.ToUpper(v.SHA256), v.SHA256[1:] + "/"} {
		v.SHA256 = hash
		if _, err := s.Load(t.Context(), v, memoryLimit); engine.CodeOf(err) != engine.CodeInvalidInput || !strings.Contains(err.Error(), "not the SHA-256") {
			t.Errorf("loads %q: %v", hash, err)
		}
	}
}

func TestALibraryThatOthersCouldWriteIsNotOpened(t *testing.T) {
	for _, folder := range []string{"", "modules", "cache"} {
		for name, spoil := range map[string]func(path string) error{
			"link": func(path string) error {
				if err := os.Rename(path, path+".moved"); err != nil {
					return err
				}
				return os.Symlink(path+".moved", path)
			},
			"group's": func(path string) error { return os.Chmod(path, 0o770) },
			"all's":   func(path string) error { return os.Chmod(path, 0o707) },
			"other's": func(path string) error { return chown(t, path) },
			"file": func(path string) error {
				if err := os.RemoveAll(path); err != nil {
					return err
				}
				return os.WriteFile(path, nil, 0o600)
			},
		} {
			s := mustOpenLibrary(t)
			path := filepath.Join(s.dir, folder)
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			if _, err := openLibrary(s.dir); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("opened though %q is a %s: %v", folder, name, err)
			}
		}
	}
}

func TestWhatACrashLeftUnfinishedIsRemoved(t *testing.T) {
	s := mustOpenLibrary(t)
	v := s.mustAdd(reactor().bytes())
	for _, left := range []string{"modules/.new-1", "cache/.new-2/code/wazero", "cache/.new-2/original.wasm"} {
		if err := os.MkdirAll(filepath.Join(s.dir, left), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.reopen()
	for _, folder := range []string{"modules", "cache"} {
		if names := s.list(folder); !slices.Equal(names, []string{v.SHA256}) {
			t.Errorf("%s has %v", folder, names)
		}
	}
}

func TestOnlyWhatIsNamedIsKept(t *testing.T) {
	s := mustOpenLibrary(t)
	var versions []engine.HookVersion
	for _, n := range []string{"kept", "in use", "dropped"} {
		versions = append(versions, s.mustAdd(reactor().numbered(n).bytes()))
	}
	kept, used := versions[0], versions[1]
	p := s.mustLoad(used)
	if err := s.Keep(kept.SHA256); err != nil {
		t.Fatal(err)
	}
	if names := s.list("modules"); !slices.Equal(names, []string{kept.SHA256}) {
		t.Errorf("modules are %v", names)
	}
	want := slices.Sorted(slices.Values([]string{kept.SHA256, used.SHA256}))
	if names := s.list("cache"); !slices.Equal(names, want) {
		t.Errorf("code is of %v, not of %v", names, want)
	}
	if mustCall(t, p, "hook_abi_version") != 1 {
		t.Error("what is in use does not work")
	}
	p.Close()
	if err := s.Keep(kept.SHA256); err != nil {
		t.Fatal(err)
	}
	if names := s.list("cache"); !slices.Equal(names, []string{kept.SHA256}) {
		t.Errorf("code is of %v", names)
	}
}

// Keep names what records name: a module that is not yet in one stays while it
// is added.
func TestWhatIsBeingAddedIsKept(t *testing.T) {
	s := mustOpenLibrary(t)
	for i := range 20 {
		module := reactor().numbered(string(rune('a' + i))).bytes()
		added := make(chan engine.HookVersion)
		go func() {
			v, err := s.Add(t.Context(), module)
			if err != nil {
				t.Error(err)
			}
			added <- v
		}()
		for v := (engine.HookVersion{}); v.SHA256 == ""; {
			select {
			case v = <-added:
			default:
				if err := s.Keep(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
