package hooks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// unfinished begins the names of what is being written. Left behind by a
// crash it is removed when the folder is opened.
const unfinished = ".new-"

// store keeps what was installed, each file named by its SHA-256. Its methods
// may be called concurrently, for different hashes.
type store struct{ dir string }

func openStore(dir string) (store, error) {
	return store{dir}, openPrivate(dir)
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// isHash keeps a name from being a path.
func isHash(name string) bool {
	return len(name) == 2*sha256.Size && strings.Trim(name, "0123456789abcdef") == ""
}

// add keeps a module durably: after a crash it is there whole, or not at all.
func (s store) add(hash string, module []byte) (err error) {
	f, err := os.CreateTemp(s.dir, unfinished)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // what failed before matters
		}
	}()
	_, err = f.Write(module)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	path := filepath.Join(s.dir, hash)
	if err := os.Rename(f.Name(), path); err != nil {
		// A folder may stand there, which is not replaced as a file is.
		if err := errors.Join(os.RemoveAll(path), os.Rename(f.Name(), path)); err != nil {
			return err
		}
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// read returns a module as it was added, or an error for its hook's operator.
func (s store) read(hash string) ([]byte, error) {
	if !isHash(hash) {
		return nil, refuse("%q is not the SHA-256 of a module", tame(hash, maxListedBytes))
	}
	b, err := readPrivate(filepath.Join(s.dir, hash))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, refuse("the stored module %s is missing: install it again, or roll the hook back", hash)
	case err != nil:
		return nil, refuse("the stored module %s cannot be read (%s): install it again, or roll the hook back", hash, err)
	case hashOf(b) != hash:
		return nil, refuse("the stored module %s is damaged, or was altered: install it again, or roll the hook back", hash)
	}
	return b, nil
}

// keep removes the modules of which keep is not true.
func (s store) keep(keep func(hash string) bool) error {
	return removeEntries(s.dir, func(name string) bool { return isHash(name) && !keep(name) })
}

// openPrivate makes a folder that is nobody else's, or checks that it is one,
// and removes what a crash has left unfinished in it.
func openPrivate(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := checkOwn(dir, fs.ModeDir); err != nil {
		return err
	}
	return removeEntries(dir, func(name string) bool { return strings.HasPrefix(name, unfinished) })
}

func removeEntries(dir string, which func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if which(e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// readPrivate reads a file that nobody else can have written. Its errors name
// no folder: senders of messages see them.
func readPrivate(path string) ([]byte, error) {
	err := checkOwn(path, 0)
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s: %w", filepath.Base(path), e.Err)
	}
	return b, err
}

// checkOwn refuses what is not of type mode, which includes links, is another
// user's, or may be written by others: compiled code is run as it is found.
func checkOwn(path string, mode fs.FileMode) error {
	name := path
	if !mode.IsDir() {
		name = filepath.Base(path)
	}
	var st unix.Stat_t
	info, err := os.Lstat(path)
	if err == nil {
		err = unix.Lstat(path, &st)
	}
	switch {
	case err != nil:
		return err
	case info.Mode().Type() != mode:
		return fmt.Errorf("%s is not a %s: it is for the engine alone; move it away", name, map[bool]string{true: "folder", false: "file"}[mode.IsDir()])
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, not to the engine's (%d): change its owner", name, st.Uid, os.Geteuid())
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s may be written by others (mode %o): take that from them", name, info.Mode().Perm())
	}
	return nil
}
