package sessions

import "golang.org/x/sys/unix"

const (
	getLock = unix.F_OFD_GETLK
	setLock = unix.F_OFD_SETLK
)

// syncData makes a file's data durable. Linux syncs what is needed to read it
// back, its size included, with fdatasync.
func syncData(fd int) error { return unix.Fdatasync(fd) }
