package sessions

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/sys/unix"
)

// folderVFS opens session databases for SQLite. The stock one follows links,
// blocks on a FIFO and maps a WAL's shared memory, which a container could
// truncate under us; this one reaches only the four names below, in a folder
// that is open already, refuses all but regular files with one link, and has
// no shared memory, so a database in WAL mode does not open.
//
// A database's name is "<handle>/<file>": handles stand for open folders.
type folderVFS struct {
	name    string
	ordered bool // see orderedFileSystem
	next    atomic.Uint64
	folders sync.Map // uint64 → *dir
	held    sync.Pool
}

var (
	vfsCount atomic.Uint64 // makes the names of several stores differ

	_ vfs.VFS           = (*folderVFS)(nil)
	_ vfs.FileLockState = (*dbFile)(nil)
)

func newFolderVFS(ordered bool) *folderVFS {
	v := &folderVFS{name: "twinbox-" + strconv.FormatUint(vfsCount.Add(1), 10), ordered: ordered}
	v.held.New = func() any { return new(heldBytes) }
	vfs.Register(v.name, v)
	return v
}

func (v *folderVFS) close() { vfs.Unregister(v.name) }

// mount makes the files of a folder openable under prefix until unmount.
func (v *folderVFS) mount(d *dir) (prefix string, unmount func()) {
	h := v.next.Add(1)
	v.folders.Store(h, d)
	return strconv.FormatUint(h, 10) + "/", func() { v.folders.Delete(h) }
}

func (v *folderVFS) find(name string) (*dir, string, error) {
	handle, file, _ := strings.Cut(name, "/")
	switch file {
	case inboundName, outboundName, inboundName + "-journal", outboundName + "-journal":
		h, err := strconv.ParseUint(handle, 10, 64)
		if err != nil {
			break
		}
		if d, ok := v.folders.Load(h); ok {
			return d.(*dir), file, nil
		}
	}
	return nil, "", sqlite3.CANTOPEN
}

func (v *folderVFS) FullPathname(name string) (string, error) { return name, nil }

func (v *folderVFS) Access(name string, _ vfs.AccessFlag) (bool, error) {
	d, file, err := v.find(name)
	if err != nil {
		return false, nil // a WAL, a super-journal: not to be had
	}
	_, err = d.stat(file)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

func (v *folderVFS) Delete(name string, syncDir bool) error {
	d, file, err := v.find(name)
	if err != nil {
		return sqlite3.IOERR_DELETE
	}
	if err := unix.Unlinkat(d.fd, file, 0); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return sqlite3.IOERR_DELETE_NOENT
		}
		return vfs.SystemError(err, sqlite3.IOERR_DELETE)
	}
	if syncDir {
		if err := d.sync(); err != nil {
			return vfs.SystemError(err, sqlite3.IOERR_DIR_FSYNC)
		}
	}
	return nil
}

func (v *folderVFS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d, file, err := v.find(name)
	if err != nil {
		return nil, flags, err
	}
	journal := flags&vfs.OPEN_MAIN_JOURNAL != 0
	if !journal && flags&vfs.OPEN_MAIN_DB == 0 {
		return nil, flags, sqlite3.CANTOPEN
	}
	oflags := unix.O_RDONLY
	if flags&vfs.OPEN_READWRITE != 0 {
		oflags = unix.O_RDWR
	}
	// Databases are made from templates; only journals come and go here.
	if journal && flags&vfs.OPEN_CREATE != 0 {
		oflags |= unix.O_CREAT
	}
	fd, st, err := d.openFD(file, oflags, 0o666)
	if err != nil {
		return nil, flags, vfs.SystemError(err, sqlite3.CANTOPEN)
	}
	f := &dbFile{fd: fd, dir: d, readOnly: oflags&unix.O_RDWR == 0, ordered: v.ordered}
	f.syncDir = oflags&unix.O_CREAT != 0 && !v.ordered
	if st.Nlink != 1 {
		err = errManyLinks
	} else if !journal {
		err = f.checkHeader()
	}
	if err != nil {
		_ = unix.Close(fd) // was not written to
		return nil, flags, vfs.SystemError(err, sqlite3.CANTOPEN)
	}
	if journal {
		return &journalFile{dbFile: *f, pool: &v.held}, flags, nil
	}
	return f, flags, nil
}

var errManyLinks = errors.New("the file has another name elsewhere")

// checkHeader refuses a database in WAL mode with a clear error: without
// shared memory, SQLite would only say that it cannot open it. Pages that are
// larger than the file system's blocks could be torn in a journal that is
// synced once, so those take SQLite's usual two.
func (f *dbFile) checkHeader() error {
	var header [20]byte
	if _, err := f.ReadAt(header[:], 0); err != nil {
		return nil // what is wrong, SQLite says
	}
	if header[18] == 2 || header[19] == 2 {
		return errWAL
	}
	if size := binary.BigEndian.Uint16(header[16:]); size > maxOrderedPage || size == 1 { // 1 stands for 65536
		f.ordered = false
	}
	return nil
}

// maxOrderedPage is the smallest block, in bytes, of what orderedFileSystem
// takes.
const maxOrderedPage = 4096

// dbFile is a database or journal. Used by one connection at a time.
type dbFile struct {
	fd   int
	dir  *dir
	lock vfs.LockLevel
	// pendingSince is when lock first came to PENDING on its way to EXCLUSIVE.
	pendingSince time.Time
	syncDir      bool // the directory is to be synced with the file, once
	readOnly     bool
	ordered      bool
}

func (f *dbFile) Close() error { return unix.Close(f.fd) } // releases the locks, too

func (f *dbFile) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		m, err := unix.Pread(f.fd, p[n:], off+int64(n))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return n, vfs.SystemError(err, sqlite3.IOERR_READ)
		case m == 0:
			return n, io.EOF
		}
		n += m
		f.dir.moved.Add(int64(m))
	}
	return n, nil
}

func (f *dbFile) WriteAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		m, err := unix.Pwrite(f.fd, p[n:], off+int64(n))
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ENOSPC || err == unix.EDQUOT:
			return n, vfs.SystemError(err, sqlite3.FULL)
		case err != nil:
			return n, vfs.SystemError(err, sqlite3.IOERR_WRITE)
		}
		n += m
		f.dir.moved.Add(int64(m))
	}
	return n, nil
}

func (f *dbFile) Truncate(size int64) error {
	_, err := retry(func() (int, error) { return 0, unix.Ftruncate(f.fd, size) })
	return err
}

func (f *dbFile) Sync(flags vfs.SyncFlag) error {
	if _, err := retry(func() (int, error) { return 0, syncData(f.fd) }); err != nil {
		return err
	}
	if f.syncDir {
		f.syncDir = false
		if err := f.dir.sync(); err != nil {
			return vfs.SystemError(err, sqlite3.IOERR_DIR_FSYNC)
		}
	}
	return nil
}

func (f *dbFile) Size() (int64, error) {
	var st unix.Stat_t
	err := unix.Fstat(f.fd, &st)
	return st.Size, err
}

func (f *dbFile) SectorSize() int { return 4096 }

// DeviceCharacteristics: what the stock VFS says of Unix files, and on ordered
// file systems that the journal need not say how long it is: it spares it its
// second sync.
func (f *dbFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	c := vfs.IOCAP_SUBPAGE_READ | vfs.IOCAP_POWERSAFE_OVERWRITE
	if f.ordered {
		c |= vfs.IOCAP_SAFE_APPEND
	}
	return c
}
