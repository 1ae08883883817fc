// Package compiled lets the engines that a test starts share what they compiled
// of hooks: with the race detector QuickJS alone takes seconds, each time.
package compiled

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Share gives a new library of hooks, which nobody has opened yet, what others
// compiled, and them what it has when the test ends. The first one of a run
// begins with nothing. Tests that are about a cache open a library of their
// own.
func Share(t testing.TB, library string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// "go test" removes what lies beside the test's binary.
	shared, cache := filepath.Join(filepath.Dir(self), "compiled"), filepath.Join(library, "cache")
	if _, err := os.Stat(library); err == nil {
		return // an engine ran here before: what it left is what the test is about
	}
	if err := link(shared, cache); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := link(cache, shared); err != nil {
			t.Error(err)
		}
	})
}

// link puts what one cache has into another, each entry whole or not at all: an
// engine renames what it has finished, and changes it no more.
func link(from, to string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.MkdirAll(to, 0o700)
	}
	for _, e := range entries {
		if err == nil && e.IsDir() && e.Name()[0] != '.' {
			err = linkEntry(filepath.Join(from, e.Name()), filepath.Join(to, e.Name()))
		}
	}
	return err
}

func linkEntry(from, to string) (err error) {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	temp, err := os.MkdirTemp(filepath.Dir(to), ".new-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		into := filepath.Join(temp, path[len(from):])
		switch {
		case err != nil || path == from:
			return err
		case d.IsDir():
			return os.Mkdir(into, 0o700)
		default:
			return os.Link(path, into)
		}
	})
	if err == nil {
		err = os.Rename(temp, to)
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, unix.EXDEV) {
		return nil // another test was first; or this is about another disk
	}
	return err
}
