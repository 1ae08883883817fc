package sessions

import (
	"sync"

	"github.com/ncruces/go-sqlite3/vfs"
)

// journalFile is a rollback journal that is written in large pieces: SQLite
// makes three small writes for each page. What is held back is written before
// anything is read or synced, and SQLite changes no page of the database
// before the journal is synced, so a kill in between leaves a journal that is
// not needed.
type journalFile struct {
	dbFile
	held *heldBytes // nil before the first write
	n    int        // how much of it
	at   int64      // where it goes
	pool *sync.Pool // of heldBytes
}

type heldBytes [64 << 10]byte

func (f *journalFile) WriteAt(p []byte, off int64) (int, error) {
	if f.held == nil {
		f.held = f.pool.Get().(*heldBytes)
	}
	if off != f.at+int64(f.n) || f.n+len(p) > len(f.held) {
		if err := f.flush(); err != nil {
			return 0, err
		}
		f.at = off
	}
	if len(p) > len(f.held) {
		return f.dbFile.WriteAt(p, off)
	}
	f.n += copy(f.held[f.n:], p)
	return len(p), nil
}

func (f *journalFile) flush() error {
	if f.n == 0 {
		return nil
	}
	_, err := f.dbFile.WriteAt(f.held[:f.n], f.at)
	f.at += int64(f.n)
	f.n = 0
	return err
}

func (f *journalFile) Close() error {
	if f.held != nil {
		f.pool.Put(f.held)
		f.held = nil
	}
	return f.dbFile.Close()
}

func (f *journalFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.dbFile.ReadAt(p, off)
}

func (f *journalFile) Truncate(size int64) error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.dbFile.Truncate(size)
}

func (f *journalFile) Sync(flags vfs.SyncFlag) error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.dbFile.Sync(flags)
}

func (f *journalFile) Size() (int64, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.dbFile.Size()
}
