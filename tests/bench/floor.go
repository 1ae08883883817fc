package main

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sync/errgroup"
)

// disk is the floor: what the disk asks for, with nothing else around it.
type disk struct {
	dir string
	// session is the folder of a session that twinbox just made.
	session string
}

// folder makes an empty directory for one round.
func (d disk) folder() (string, error) { return os.MkdirTemp(d.dir, "floor-") }

// create makes the files and folders of a session with the same sizes, and
// syncs them all at the same time; then it commits a row to a WAL database.
func (d disk) create(context.Context, int) (sample, error) {
	base, err := d.folder()
	if err != nil {
		return sample{}, err
	}
	registry, err := sqlite3.Open(filepath.Join(base, "registry.db"))
	if err != nil {
		return sample{}, err
	}
	defer registry.Close()
	err = registry.Exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
		CREATE TABLE sessions (id TEXT PRIMARY KEY, key TEXT UNIQUE, created_at TEXT NOT NULL)`)
	if err != nil {
		return sample{}, err
	}
	insert, _, err := registry.Prepare(`INSERT INTO sessions VALUES (?1, ?1, '2026-01-01T00:00:00.000Z')`)
	if err != nil {
		return sample{}, err
	}
	defer insert.Close()
	folders, files, err := d.contents()
	if err != nil {
		return sample{}, err
	}
	return measure(1, creates, func(_, i int) error {
		id := "sess-" + strconv.Itoa(i)
		if err := copyDurably(filepath.Join(base, id), folders, files); err != nil {
			return err
		}
		return errors.Join(insert.BindText(1, id), insert.Exec())
	})
}

// contents are the folders, parents first, and the files of a new session.
func (d disk) contents() (folders []string, files map[string][]byte, err error) {
	files = map[string][]byte{}
	err = fs.WalkDir(os.DirFS(d.session), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			folders = append(folders, path)
			return nil
		}
		files[path], err = os.ReadFile(filepath.Join(d.session, path))
		return err
	})
	return folders, files, err
}

func copyDurably(to string, folders []string, files map[string][]byte) error {
	for _, f := range folders {
		if err := os.Mkdir(filepath.Join(to, f), 0o700); err != nil {
			return err
		}
	}
	var g errgroup.Group
	for name, data := range files {
		f, err := os.Create(filepath.Join(to, name))
		if err != nil {
			return err
		}
		if _, err := f.Write(data); err != nil {
			return errors.Join(err, f.Close())
		}
		g.Go(func() error { return errors.Join(f.Sync(), f.Close()) })
	}
	for _, name := range append([]string{".."}, folders...) {
		g.Go(func() error { return syncFolder(filepath.Join(to, name)) })
	}
	return g.Wait()
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// attachment decodes a file of 1 MiB, writes it and syncs it.
func (d disk) attachment(context.Context, int) (sample, error) {
	base, err := d.folder()
	if err != nil {
		return sample{}, err
	}
	return measure(1, attachments, func(_, i int) error {
		data, err := base64.StdEncoding.DecodeString(imageBase64)
		if err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(base, strconv.Itoa(i)))
		if err != nil {
			return err
		}
		if _, err := f.Write(data); err != nil {
			return errors.Join(err, f.Close())
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
