package database

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Restrict makes the database's files, where they are missing, and lets nobody
// but the owner read them.
func Restrict(path string) error {
	for _, suffix := range [...]string{"", "-wal", "-shm"} {
		f, err := os.OpenFile(path+suffix, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		err = errors.Join(chmod(f), f.Close())
		if err != nil {
			return err
		}
	}
	return nil
}

func chmod(f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %w: not a regular file", f.Name(), fs.ErrInvalid)
	case info.Mode().Perm() == 0o600:
		return nil
	}
	return f.Chmod(0o600)
}
