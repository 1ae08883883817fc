package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// hookCache is a folder for what trials compile.
type hookCache struct {
	dir  string
	lock *os.File // nil if the folder is this trial's alone
}

// openHookCache takes the user's folder, so that a second trial of a hook
// begins at once, or a new one while another trial has that.
func openHookCache() (hookCache, error) {
	if cache, err := os.UserCacheDir(); err == nil {
		c, err := lockHookCache(filepath.Join(cache, "twinbox"))
		if err == nil {
			return c, nil
		}
	}
	dir, err := os.MkdirTemp("", "twinbox-hook-")
	if err != nil {
		return hookCache{}, fmt.Errorf("make a folder for what is compiled: %w", err)
	}
	return hookCache{dir: dir}, nil
}

func lockHookCache(dir string) (_ hookCache, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return hookCache{}, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "hooks.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return hookCache{}, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return hookCache{}, errors.Join(err, f.Close())
	}
	return hookCache{dir: filepath.Join(dir, "hooks"), lock: f}, nil
}

func (c hookCache) close() error {
	if c.lock == nil {
		return os.RemoveAll(c.dir)
	}
	return c.lock.Close()
}
