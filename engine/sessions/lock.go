package sessions

import (
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/sys/unix"
)

// The byte ranges that every SQLite locks (sqlite.org/lockingv3.html). Locks
// belong to the open file, not the process, so two connections of ours are as
// apart as two programs. Unlike the stock VFS this one never blocks in the
// kernel: a container may hold any byte for ever.
const (
	pendingByte  = 0x40000000
	reservedByte = pendingByte + 1
	sharedFirst  = pendingByte + 2
	sharedSize   = 510
)

// drainTime is how long a writer keeps new readers out, so that those who
// overlap leave it a gap.
const drainTime = 250 * time.Millisecond

func (f *dbFile) LockState() vfs.LockLevel { return f.lock }

func (f *dbFile) Lock(level vfs.LockLevel) error {
	if f.lock >= level {
		return nil
	}
	if level >= vfs.LOCK_RESERVED && f.readOnly {
		return sqlite3.IOERR_LOCK
	}
	switch level {
	case vfs.LOCK_SHARED:
		// Not while a writer waits for its readers to leave.
		if held, err := f.heldByOther(pendingByte); err != nil || held {
			return busyOr(err)
		}
		if err := f.setLock(unix.F_RDLCK, sharedFirst, sharedSize); err != nil {
			return err
		}
	case vfs.LOCK_RESERVED:
		if err := f.setLock(unix.F_WRLCK, reservedByte, 1); err != nil {
			return err
		}
	case vfs.LOCK_EXCLUSIVE:
		if f.lock < vfs.LOCK_PENDING {
			if err := f.setLock(unix.F_WRLCK, pendingByte, 1); err != nil {
				return err
			}
			f.lock = vfs.LOCK_PENDING
			if f.pendingSince.IsZero() {
				f.pendingSince = time.Now()
			}
		}
		if err := f.setLock(unix.F_WRLCK, sharedFirst, sharedSize); err != nil {
			if time.Since(f.pendingSince) > drainTime {
				// Readers that come and go would be gone by now: one stays,
				// and must not keep all others out for as long as we try.
				f.lock = vfs.LOCK_RESERVED
				if uerr := f.setLock(unix.F_UNLCK, pendingByte, 1); uerr != nil {
					return uerr
				}
			}
			return err
		}
	}
	f.lock = level
	return nil
}

func (f *dbFile) Unlock(level vfs.LockLevel) error {
	if f.lock <= level {
		return nil
	}
	if level == vfs.LOCK_NONE {
		f.lock, f.pendingSince = level, time.Time{}
		return f.setLock(unix.F_UNLCK, 0, 0)
	}
	if f.lock >= vfs.LOCK_EXCLUSIVE {
		if err := f.setLock(unix.F_RDLCK, sharedFirst, sharedSize); err != nil {
			return sqlite3.IOERR_RDLOCK
		}
	}
	f.lock, f.pendingSince = level, time.Time{}
	return f.setLock(unix.F_UNLCK, pendingByte, 2)
}

func (f *dbFile) CheckReservedLock() (bool, error) {
	if f.lock >= vfs.LOCK_RESERVED {
		return true, nil
	}
	return f.heldByOther(reservedByte)
}

func (f *dbFile) heldByOther(start int64) (bool, error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: start, Len: 1}
	_, err := retry(func() (int, error) { return 0, unix.FcntlFlock(uintptr(f.fd), getLock, &lock) })
	if err != nil {
		return false, vfs.SystemError(err, sqlite3.IOERR_CHECKRESERVEDLOCK)
	}
	return lock.Type != unix.F_UNLCK, nil
}

func (f *dbFile) setLock(kind int16, start, length int64) error {
	lock := unix.Flock_t{Type: kind, Start: start, Len: length}
	_, err := retry(func() (int, error) { return 0, unix.FcntlFlock(uintptr(f.fd), setLock, &lock) })
	switch err {
	case nil:
		return nil
	case unix.EACCES, unix.EAGAIN, unix.ENOLCK, unix.EDEADLK:
		return sqlite3.BUSY
	}
	return vfs.SystemError(err, sqlite3.IOERR_LOCK)
}

func busyOr(err error) error {
	if err != nil {
		return err
	}
	return sqlite3.BUSY
}
