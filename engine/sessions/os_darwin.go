package sessions

import "golang.org/x/sys/unix"

// Not in x/sys/unix; from Darwin's sys/fcntl.h.
const (
	setLock = 90 // F_OFD_SETLK
	getLock = 92 // F_OFD_GETLK
)

// syncData makes a file's data durable: on Darwin, fsync does not reach the
// platter, F_FULLFSYNC does. File systems without it get what they have.
func syncData(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_FULLFSYNC, 0); err != unix.ENOTSUP {
		return err
	}
	return unix.Fsync(fd)
}

// orderedFileSystem: see the Linux one. F_FULLFSYNC is the cost that counts
// here, and nothing was measured, so nothing is assumed.
func orderedFileSystem(*dir) bool { return false }
