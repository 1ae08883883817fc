package sessions

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxEntries bounds the names that are looked at in one directory.
const maxEntries = 100_000

// heartbeatSlack is how far a container's clock may be ahead.
const heartbeatSlack = 2 * time.Second

// files looks at the folder's own entries and both boxes, and returns the
// names of the inbox's folders.
func (c *inspection) files(d *dir) (inbox []string) {
	for _, name := range []string{inboundName, outboundName, inboundName + "-journal", outboundName + "-journal", heartbeatName, destinationsName} {
		c.file(d, name)
	}
	if st, err := d.stat("."); err == nil {
		c.mode(".", st, c.store.opts.DirMode)
	}
	for _, name := range c.list(d, ".") {
		if strings.HasPrefix(name, destinationsName+".") {
			c.litter = append(c.litter, name)
			c.found(fixFiles, name, "a crash left it when %s was replaced", destinationsName)
		}
	}
	c.box(d, outboxName)
	return c.box(d, inboxName)
}

func (c *inspection) file(d *dir, name string) {
	st, err := d.stat(name)
	switch {
	case errors.Is(err, unix.ENOENT):
		switch name {
		case destinationsName:
			if c.options.Projection != nil {
				c.found(fixProject, name, "it is missing")
			}
		case inboundName, outboundName:
			c.broken(name, "restore it from a backup, or close the session", "it is missing")
		}
		return
	case err != nil:
		c.broken(name, "find out why", "it cannot be looked at: %v", err)
		return
	}
	if wrong := notOwnFile(st); wrong != "" {
		switch {
		case name == destinationsName && c.options.Projection != nil:
			c.found(fixProject, name, "it %s", wrong)
		default:
			c.broken(name, "remove it, or restore it from a backup", "it %s", wrong)
		}
		return
	}
	if name == heartbeatName && time.Unix(st.Mtim.Unix()).After(c.now.Add(heartbeatSlack)) {
		if c.gone() {
			c.found(fixFiles, name, "it says that the container was alive in the future")
		} else {
			c.broken(name, "set the container's clock; the engine takes it for now", "it says that the container was alive in the future")
		}
	}
	if name != heartbeatName && !strings.HasSuffix(name, "-journal") {
		c.mode(name, st, c.store.opts.FileMode)
	}
}

// notOwnFile says what a file is that it must not be.
func notOwnFile(st unix.Stat_t) string {
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return "is a link"
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return "is a directory where a file belongs"
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return "is not a regular file"
	case st.Nlink != 1:
		return "is a file with several names: a hard link"
	}
	return ""
}

// mode compares with the settings, where they say who works in the folder.
func (c *inspection) mode(name string, st unix.Stat_t, want os.FileMode) {
	o := c.store.opts
	if c.options.Modes && uint32(st.Mode)&0o777 != uint32(want.Perm()) {
		c.found(fixOwner, name, "its mode is %04o, not %04o", uint32(st.Mode)&0o777, want.Perm())
	}
	if o.UID != nil && int(st.Uid) != *o.UID || o.GID != nil && int(st.Gid) != *o.GID {
		c.found(fixOwner, name, "it belongs to %d:%d, not to whom the settings say", st.Uid, st.Gid)
	}
}

// box looks at inbox/ or outbox/, two levels deep.
func (c *inspection) box(d *dir, name string) (folders []string) {
	box, err := d.sub(name)
	if errors.Is(err, unix.ENOENT) {
		if name == outboxName {
			c.found(fixFiles, name, "it is missing")
		}
		return nil
	}
	if err != nil {
		c.broken(name, "remove it", "it is not a directory of its own")
		return nil
	}
	defer box.close()
	if st, err := box.stat("."); err == nil {
		c.mode(name, st, c.store.opts.DirMode)
	}
	names := c.list(box, name)
	for _, n := range names {
		path := name + "/" + n
		st, err := box.stat(n)
		if err != nil {
			continue // gone meanwhile
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			folders = append(folders, n)
			c.boxFolder(box, n, path)
		case unix.S_IFREG:
		default:
			c.broken(path, "remove it", "it is a link or a special file")
		}
	}
	return folders
}

func (c *inspection) boxFolder(box *dir, name, path string) {
	sub, err := box.sub(name)
	if err != nil {
		c.broken(path, "find out why", "it cannot be opened")
		return
	}
	defer sub.close()
	for _, n := range c.list(sub, path) {
		if st, err := sub.stat(n); err == nil {
			if wrong := notOwnFile(st); wrong != "" {
				c.broken(path+"/"+n, "remove it", "it %s", wrong)
			}
		}
	}
}

func (c *inspection) list(d *dir, path string) []string {
	names, complete, err := d.someNames(maxEntries)
	if err != nil || !complete {
		c.broken(path, "find out what fills it", "not all of its entries can be listed")
	}
	return names
}

// someNames lists a directory, up to a number of names.
func (d *dir) someNames(limit int) (names []string, complete bool, err error) {
	fd, err := retry(func() (int, error) { return unix.Openat(d.fd, ".", dirFlags, 0) })
	if err != nil {
		return nil, false, pathError("open directory", ".", err)
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	if names, err = f.Readdirnames(limit); err == nil {
		_, err = f.Readdirnames(1)
	}
	if errors.Is(err, io.EOF) {
		return names, true, nil
	}
	return names, false, err
}
