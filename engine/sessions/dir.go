package sessions

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// dir is an open directory. Everything in a session's folder is reached
// through one, by a single name without a slash and without following links:
// checking a path before using it would lose the race against a container
// that swaps the path in between (lesson 2).
type dir struct {
	fd int
	// moved counts what databases in it were read and written, in bytes.
	moved atomic.Int64
}

const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// openRootDir opens a directory that no container can reach, by its path.
func openRootDir(path string) (*dir, error) {
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &dir{fd: fd}, nil
}

func (d *dir) close() { _ = unix.Close(d.fd) } // nothing is written through it

// sub opens a directory in d; a link is ELOOP or ENOTDIR.
func (d *dir) sub(name string) (*dir, error) {
	fd, err := retry(func() (int, error) { return unix.Openat(d.fd, name, dirFlags, 0) })
	if err != nil {
		return nil, pathError("open directory", name, err)
	}
	return &dir{fd: fd}, nil
}

func (d *dir) mkdir(name string, mode uint32) error {
	return pathError("mkdir", name, unix.Mkdirat(d.fd, name, mode))
}

// openFD opens a regular file and returns what it is. FIFOs and devices are
// refused without being waited for.
func (d *dir) openFD(name string, flags int, mode uint32) (int, unix.Stat_t, error) {
	var st unix.Stat_t
	fd, err := retry(func() (int, error) {
		return unix.Openat(d.fd, name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, mode)
	})
	if err != nil {
		return -1, st, pathError("open", name, err)
	}
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd) // the first error matters
		return -1, st, pathError("stat", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = unix.Close(fd) // was not written to
		return -1, st, pathError("open", name, errNotRegular)
	}
	return fd, st, nil
}

// open is openFD as an *os.File.
func (d *dir) open(name string, flags int, mode uint32) (*os.File, error) {
	fd, _, err := d.openFD(name, flags, mode)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

var errNotRegular = errors.New("not a regular file")

// stat does not follow a link.
func (d *dir) stat(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return st, pathError("stat", name, err)
}

// remove removes a name that is not a directory. One that does not exist is fine.
func (d *dir) remove(name string) error {
	err := unix.Unlinkat(d.fd, name, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return pathError("remove", name, err)
}

func (d *dir) rename(from, to string) error {
	return pathError("rename", from, unix.Renameat(d.fd, from, d.fd, to))
}

// sync makes the directory's names durable.
func (d *dir) sync() error {
	_, err := retry(func() (int, error) { return 0, unix.Fsync(d.fd) })
	return pathError("sync directory", ".", err)
}

// names lists the directory.
func (d *dir) names() ([]string, error) {
	fd, err := retry(func() (int, error) { return unix.Openat(d.fd, ".", dirFlags, 0) })
	if err != nil {
		return nil, pathError("open directory", ".", err)
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	return f.Readdirnames(-1)
}

// maxTreeDepth bounds removeAll: what the engine makes is two levels deep.
const maxTreeDepth = 32

// removeAll removes a name and, if it is a directory, what is in it. It
// follows no link, so it removes nothing outside.
func (d *dir) removeAll(name string) error {
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return pathError("remove", name, unix.EINVAL) // it is not in d
	}
	left := maxTreeEntries
	return d.removeTree(name, maxTreeDepth, &left)
}

// maxTreeEntries bounds removeAll, too: a container may have made millions,
// which a writer would be busy with for minutes.
const maxTreeEntries = 100_000

var errManyEntries = errors.New("more entries than are removed at once")

// removeDurably is removeAll that a power loss does not undo: what notes that
// the name is to be removed may go after it.
func (d *dir) removeDurably(name string) error {
	if err := d.removeAll(name); err != nil {
		return err
	}
	return d.sync()
}

func (d *dir) removeTree(name string, depth int, left *int) error {
	if *left--; *left < 0 {
		return pathError("remove", name, errManyEntries)
	}
	err := unix.Unlinkat(d.fd, name, 0)
	if err == unix.EACCES && d.makeWritable() {
		err = unix.Unlinkat(d.fd, name, 0)
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	// Linux says EISDIR, others EPERM, for a directory.
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) || depth == 0 {
		return pathError("remove", name, err)
	}
	sub, err := d.sub(name)
	if err != nil {
		return err
	}
	defer sub.close()
	for complete := false; !complete; {
		var names []string
		if names, complete, err = sub.someNames(1024); err != nil {
			return err
		}
		for _, n := range names {
			if err := sub.removeTree(n, depth-1, left); err != nil {
				return err
			}
		}
	}
	return pathError("remove", name, unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR))
}

// makeWritable is for what tools leave read-only, caches say, where the engine
// runs as the agent's user.
func (d *dir) makeWritable() bool {
	st, err := d.stat(".")
	return err == nil && unix.Fchmod(d.fd, uint32(st.Mode)&0o777|0o700) == nil
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
