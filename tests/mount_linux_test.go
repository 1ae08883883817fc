package tests_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tmpfs mounts a file system in memory with room for so many bytes.
func tmpfs(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(size)); err != nil {
		t.Skipf("tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// disk is an ext4 file system in a file, with the journal that it has on a
// real disk.
type disk struct{ image, dir string }

func newDisk(t *testing.T, size, block int) *disk {
	t.Helper()
	d := &disk{image: filepath.Join(t.TempDir(), "image"), dir: t.TempDir()}
	for _, args := range [][]string{
		{"truncate", "-s", strconv.Itoa(size), d.image},
		{"mkfs.ext4", "-q", "-m", "0", "-b", strconv.Itoa(block), d.image},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no file system can be made here: %v: %v %s", args, err, out)
		}
	}
	if err := d.mount(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(d.dir, unix.MNT_DETACH) })
	return d
}

type mountError struct {
	err    error
	output string
}

func (e *mountError) Error() string {
	return "a loop device cannot be mounted here: " + e.err.Error() + " " + strings.TrimSpace(e.output)
}

func (d *disk) mount() error {
	out, err := exec.CommandContext(background(), "mount", "-o", "loop", d.image, d.dir).CombinedOutput()
	if err != nil {
		return &mountError{err, string(out)}
	}
	return nil
}

// cutPower stops the file system at once: what it had not yet put on the disk,
// its journal included, is lost, as when the power goes.
func (d *disk) cutPower() error {
	const (
		shutdown     = 0x8004587d // EXT4_IOC_SHUTDOWN
		noLogFlushed = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
	)
	fd, err := unix.Open(d.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.IoctlSetPointerInt(fd, shutdown, noLogFlushed)
}

// restore mounts what is on the disk after a cut.
func (d *disk) restore() error {
	if err := unix.Unmount(d.dir, 0); err != nil {
		return err
	}
	return d.mount()
}
