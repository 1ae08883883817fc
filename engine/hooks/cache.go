package hooks

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const sumName = "sum"

// errStale: there is no compiled code that could be used.
var errStale = errors.New("the module has to be compiled")

// cache keeps compiled modules, a folder each, named by the SHA-256 of what
// was installed. Its owner sees to it that a folder that is read is not
// removed.
type cache struct {
	dir string
	now func() time.Time
	// bytes is what all folders may have.
	bytes int64
}

func openCache(dir string, now func() time.Time) (cache, error) {
	return cache{dir: dir, now: now, bytes: 1 << 30}, openPrivate(dir)
}

func (c cache) path(hash string) string { return filepath.Join(c.dir, hash) }

// fill makes a folder for a module, has compile fill it, and keeps it.
func (c cache) fill(hash string, module []byte, compile func(dir string) error) (err error) {
	dir, err := os.MkdirTemp(c.dir, unfinished)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	original := filepath.Join(dir, originalName)
	if err := os.WriteFile(original, module, 0o600); err != nil {
		return err
	}
	if err := compile(dir); err != nil {
		return err
	}
	_, sum, err := summed(dir, hash)
	if err != nil {
		return err
	}
	// Neither is synced: what a crash leaves of it does not match its sum.
	if err := errors.Join(os.Remove(original), os.WriteFile(filepath.Join(dir, sumName), []byte(sum), 0o600)); err != nil {
		return err
	}
	if err := os.RemoveAll(c.path(hash)); err != nil {
		return err
	}
	return os.Rename(dir, c.path(hash))
}

// read returns the product and the folder of the machine code, both as they
// were written, or errStale.
func (c cache) read(hash string) (product []byte, code string, err error) {
	dir := c.path(hash)
	if err := checkOwn(dir, fs.ModeDir); err != nil {
		return nil, "", errStale
	}
	sum, err := readPrivate(filepath.Join(dir, sumName))
	if err != nil {
		return nil, "", errStale
	}
	product, want, err := summed(dir, hash)
	if err != nil || string(sum) != want {
		return nil, "", errStale
	}
	now := c.now()
	_ = os.Chtimes(dir, now, now) // for trim; without, it goes sooner
	return product, filepath.Join(dir, codeName), nil
}

// summed reads a folder's product, and sums what is in the folder, and of which
// module it is made: another's must not be taken for it. wazero has
// a checksum too, but of the instructions only: a wrong offset would be jumped to.
// The sum is against a disk that forgets: who may write here may write the sum.
func summed(dir, hash string) (product []byte, sum string, err error) {
	product, err = readPrivate(filepath.Join(dir, productName))
	if err != nil {
		return nil, "", err
	}
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	fmt.Fprintf(h, "%d %s %d\n", codeVersion, hash, len(product))
	h.Write(product)
	code := filepath.Join(dir, codeName)
	buffer := make([]byte, 256<<10)
	// WalkDir goes in order.
	err = filepath.WalkDir(code, func(path string, d fs.DirEntry, err error) error {
		if path == code && errors.Is(err, fs.ErrNotExist) {
			return nil // a script has none
		}
		if err != nil {
			return err
		}
		if err := checkOwn(path, d.Type()&fs.ModeDir); err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		n, err := io.CopyBuffer(h, struct{ io.Reader }{f}, buffer)
		fmt.Fprintf(h, "%d %q\n", n, path[len(dir):])
		return err
	})
	return product, fmt.Sprintf("%08x", h.Sum32()), err
}

// keep removes the folders of which keep is not true.
func (c cache) keep(keep func(hash string) bool) error {
	return removeEntries(c.dir, func(name string) bool { return isHash(name) && !keep(name) })
}

// trim removes the folders that were not read for the longest time, but for
// those in use, until the rest has room.
func (c cache) trim(used func(hash string) bool) error {
	type folder struct {
		name string
		read time.Time
		size int64
	}
	var folders []folder
	var total int64
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !isHash(e.Name()) {
			continue // it has just gone, or is unfinished
		}
		f := folder{name: e.Name(), read: info.ModTime()}
		err = filepath.WalkDir(c.path(e.Name()), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				f.size += info.Size()
			}
			return err
		})
		if err != nil {
			return err
		}
		folders = append(folders, f)
		total += f.size
	}
	slices.SortFunc(folders, func(a, b folder) int { return a.read.Compare(b.read) })
	for _, f := range folders {
		if total <= c.bytes {
			break
		}
		if used(f.name) {
			continue
		}
		if err := os.RemoveAll(c.path(f.name)); err != nil {
			return err
		}
		total -= f.size
	}
	return nil
}
