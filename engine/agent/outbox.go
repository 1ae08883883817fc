package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
)

// replyPrefix begins the ids of the agent's replies, so that it can tell its
// own folders in the outbox from those of other programs.
const replyPrefix = "reply-"

// outbox is the folder of one reply to be. Its command fills a staging folder
// beside the final one, whose leading dot keeps readers of the outbox off;
// what may be sent moves to the final one before the reply is written.
type outbox struct {
	root    *os.Root // of outbox/
	id      string   // of the reply
	staging string   // name in root
	made    fs.FileInfo
}

// newOutbox makes the staging folder of a new reply.
func (a *agent) newOutbox() (*outbox, error) {
	root, err := a.openOutbox()
	if err != nil {
		return nil, err
	}
	id := replyPrefix + uuid.Must(uuid.NewV7()).String()
	o := &outbox{root: root, id: id, staging: "." + id}
	err = root.Mkdir(o.staging, 0o755)
	if err == nil {
		o.made, err = root.Lstat(o.staging)
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("make a folder for a reply's files: %w", err)
	}
	return o, nil
}

// openOutbox opens the outbox, which it makes if need be, and no link to
// another place in the folder.
func (a *agent) openOutbox() (*os.Root, error) {
	if err := a.root.Mkdir(outboxName, 0o755); err == nil {
		if err := syncDir(a.root, "."); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	named, err := a.root.Lstat(outboxName)
	if err != nil {
		return nil, err
	}
	return openDir(a.root, outboxName, named)
}

var errNotDir = errors.New("not the directory that belongs here")

// openDir opens a directory that is the one that was seen before.
func openDir(parent *os.Root, name string, seen fs.FileInfo) (*os.Root, error) {
	if !seen.IsDir() {
		return nil, &os.PathError{Op: "open", Path: name, Err: errNotDir}
	}
	root, err := parent.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if now, err := root.Stat("."); err != nil || !os.SameFile(seen, now) {
		root.Close()
		return nil, &os.PathError{Op: "open", Path: name, Err: errNotDir}
	}
	return root, nil
}

// path is where the command leaves files.
func (o *outbox) path(a *agent) string { return filepath.Join(a.dir, outboxName, o.staging) }

// collect moves what may be sent into the reply's folder and returns its
// names, durable. What is no regular file of its own, or has no safe name, is
// reported and left behind.
func (o *outbox) collect(a *agent) (names []string, err error) {
	from, err := openDir(o.root, o.staging, o.made)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	entries, err := fs.ReadDir(from.FS(), ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if err := sendable(from, name); err != nil {
			a.Log.Warn("a file is not sent", "reply", o.id, "file", name, "error", err)
			continue
		}
		if len(names) == 0 {
			if err := o.root.Mkdir(o.id, 0o755); err != nil {
				return nil, err
			}
		}
		if err := o.root.Rename(filepath.Join(o.staging, name), filepath.Join(o.id, name)); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, nil
	}
	return names, errors.Join(syncDir(o.root, o.id), syncDir(o.root, "."))
}

// sendable checks a file, makes it readable for the engine, which may be
// another user, and syncs it.
func sendable(dir *os.Root, name string) error {
	if !safeName(name) {
		return errors.New("its name is not a safe file name")
	}
	seen, err := dir.Lstat(name)
	if err != nil {
		return err
	}
	if !seen.Mode().IsRegular() || links(seen) != 1 {
		return errNotRegular
	}
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(seen, now) {
		return errNotRegular
	}
	return errors.Join(f.Chmod(0o644), f.Sync())
}

// close removes the staging folder, and the reply's own unless it is kept.
func (o *outbox) close(a *agent, keep bool) {
	err := o.root.RemoveAll(o.staging)
	if !keep {
		err = errors.Join(err, o.root.RemoveAll(o.id))
	}
	if err = errors.Join(err, o.root.Close()); err != nil {
		a.Log.Warn("files of a reply are left behind", "reply", o.id, "error", err)
	}
}

// clearOutbox removes what a killed predecessor left: staging folders, and
// folders of replies that it did not come to write.
func (a *agent) clearOutbox() error {
	root, err := a.openOutbox()
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	return a.use(outboundName, func(c *sqlite3.Conn) error {
		for _, e := range entries {
			name := e.Name()
			orphan := strings.HasPrefix(name, "."+replyPrefix)
			if strings.HasPrefix(name, replyPrefix) {
				written, err := hasReply(c, name)
				if err != nil {
					return err
				}
				orphan = !written
			}
			if orphan {
				if err := root.RemoveAll(name); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func syncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
