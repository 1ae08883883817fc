package registry_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/registry"
)

// mustSmallDisk mounts a file system with room for one megabyte.
func mustSmallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func TestFullDiskIsUnavailableUntilThereIsRoom(t *testing.T) {
	dir := mustSmallDisk(t)
	ballast := filepath.Join(dir, "ballast")
	r := mustFill(t, mustOpen(t, filepath.Join(dir, "engine.db")))
	must(t, os.WriteFile(ballast, make([]byte, 256<<10), 0o600))
	var (
		kept []string
		err  error
	)
	for i := 0; err == nil && i < 10000; i++ {
		id := fmt.Sprintf("sess-%d", i)
		if err = r.CreateSession(t.Context(), session(id, "ag", engine.ModeShared, "", "")); err == nil {
			kept = append(kept, id)
		}
	}
	wantCode(t, err, engine.CodeUnavailable)
	if e := err.(*engine.Error); !strings.Contains(e.Message, "is full") || strings.Contains(e.Message, dir) {
		t.Errorf("message is %q", e.Message)
	}
	if !errors.Is(err, sqlite3.IOERR) && !errors.Is(err, sqlite3.FULL) {
		t.Errorf("the cause is lost: %v", err)
	}
	failed := fmt.Sprintf("sess-%d", len(kept))
	_, err = r.Session(t.Context(), failed)
	wantCode(t, err, engine.CodeNotFound)
	r.Touch(kept[0], created) // cannot be written now
	must(t, os.Remove(ballast))
	mustSession(t, r, failed)
	mustClose(t, r)
	r = mustOpen(t, filepath.Join(dir, "engine.db"))
	for _, id := range append(kept, failed) {
		if _, err := r.Session(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if s, err := r.Session(t.Context(), kept[0]); err != nil || s.LastActive == nil {
		t.Errorf("last active %v, %v", s.LastActive, err)
	}
}

func TestFullDiskIsSaidWhenTheRegistryIsOpened(t *testing.T) {
	dir := mustSmallDisk(t)
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	_, err := registry.Open(t.Context(), filepath.Join(dir, "engine.db"), registry.Options{})
	wantCode(t, err, engine.CodeUnavailable)
	if !strings.Contains(err.(*engine.Error).Message, "is full") {
		t.Error(err)
	}
}
