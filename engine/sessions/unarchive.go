package sessions

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// ReadArchive checks an archive. See engine.Archives.
func (s *Store) ReadArchive(ctx context.Context, sessionID string) (engine.Session, error) {
	m, err := s.readArchive(ctx, sessionID, nil)
	if err != nil {
		return engine.Session{}, err
	}
	sess, err := m.session(sessionID)
	return sess, refusedArchive(sessionID, err)
}

// refusedArchive is what is told of an archive that is not as ours are.
func refusedArchive(sessionID string, err error) error {
	if err == nil {
		return nil
	}
	return engine.InvalidField("sessionId", "the archive of session %s is refused: %s", sessionID, err)
}

// sink takes what an archive holds, in its order: a directory before what is
// in it. Paths are safe.
type sink interface {
	dir(path string, mode uint32) error
	file(path string, mode uint32, content io.Reader) error
}

// readArchive reads an archive from its beginning to its end, into a sink if
// there is one, and returns its manifest if that is right about all entries.
func (s *Store) readArchive(ctx context.Context, sessionID string, to sink) (*manifest, error) {
	fd, st, err := s.archives.openFD(sessionID+".tar", unix.O_RDONLY, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, engine.Errorf(engine.CodeNotFound, "there is no archive of session %s", sessionID).In("sessionId")
	}
	if err != nil {
		return nil, fault("the archive", err)
	}
	f := os.NewFile(uintptr(fd), sessionID)
	defer f.Close()
	u := &unarchiver{tar: tar.NewReader(bufio.NewReaderSize(contextReader{ctx, f}, 1<<20)), to: to,
		left: min(st.Size, s.opts.Limits.SessionBytes), found: map[string]archivedEntry{}}
	m, err := u.read()
	switch {
	case ctx.Err() != nil:
		return nil, engine.Unavailable(ctx.Err(), "the request ended before the archive of session %s was read", sessionID)
	case u.failed != nil:
		return nil, fault("the folder", u.failed)
	case err != nil:
		return nil, refusedArchive(sessionID, err)
	}
	return m, nil
}

// unarchiver reads a tar that may be anybody's.
type unarchiver struct {
	tar    *tar.Reader
	to     sink  // nil: it is only checked
	left   int64 // bytes that its files may still have
	found  map[string]archivedEntry
	failed error // of the sink
}

func (u *unarchiver) read() (*manifest, error) {
	for {
		h, err := u.tar.Next()
		if err != nil {
			return nil, errors.New("it ends without a manifest, or is no tar: it was cut off or changed")
		}
		if len(u.found) > maxTreeEntries {
			return nil, fmt.Errorf("it has more than %d entries", maxTreeEntries)
		}
		if h.Name == manifestName {
			return u.manifest(h)
		}
		if err := u.entry(h); err != nil {
			return nil, err
		}
	}
}

func (u *unarchiver) manifest(h *tar.Header) (*manifest, error) {
	if h.Typeflag != tar.TypeReg || h.Size > maxManifest {
		return nil, errors.New("its manifest is no file, or too large")
	}
	text, err := io.ReadAll(io.LimitReader(u.tar, maxManifest))
	if err != nil {
		return nil, errors.New("its manifest is cut off")
	}
	m, err := decodeManifest(text)
	if err != nil {
		return nil, err
	}
	if len(m.Entries) != len(u.found) {
		return nil, fmt.Errorf("it has %d entries, and its manifest lists %d", len(u.found), len(m.Entries))
	}
	for _, e := range m.Entries {
		if found, ok := u.found[e.Path]; !ok || found != e {
			return nil, fmt.Errorf("%q is not as its manifest says", clip(e.Path))
		}
	}
	if e, ok := u.found[inboundName]; !ok || e.isDir() {
		return nil, errors.New("it has no " + inboundName)
	}
	if _, err := u.tar.Next(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its manifest")
	}
	return m, nil
}

func (u *unarchiver) entry(h *tar.Header) error {
	at, err := archivedPath(h.Name)
	if err != nil {
		return err
	}
	parent, known := u.found[path.Dir(at)]
	if _, twice := u.found[at]; twice || at != "." && (!known || !parent.isDir()) {
		return fmt.Errorf("%q is there twice, or before its directory", clip(at))
	}
	switch h.Typeflag {
	case tar.TypeDir:
		u.found[at] = archivedEntry{Path: at, Mode: uint32(h.Mode) & 0o777}
		if u.to != nil {
			u.failed = u.to.dir(at, u.found[at].Mode)
		}
		return u.failed
	case tar.TypeReg:
		return u.file(archivedEntry{Path: at, Mode: uint32(h.Mode) & 0o777, Size: h.Size})
	}
	return fmt.Errorf("%q is neither a file nor a directory", clip(at))
}

func (u *unarchiver) file(e archivedEntry) error {
	// Nothing in it is compressed, so its files are no more than it is itself.
	if u.left -= e.Size; e.Size < 0 || u.left < 0 {
		return fmt.Errorf("%q has more bytes than there are, or than a session may have", clip(e.Path))
	}
	sum := sha256.New()
	content := &notedReader{r: io.TeeReader(u.tar, sum)}
	var err error
	if u.to == nil {
		_, err = io.Copy(io.Discard, content)
	} else {
		err = u.to.file(e.Path, e.Mode, content)
	}
	switch {
	case content.err != nil:
		return fmt.Errorf("%q is cut off", clip(e.Path))
	case err != nil:
		u.failed = err
		return err
	}
	e.SHA256 = hex.EncodeToString(sum.Sum(nil))
	u.found[e.Path] = e
	return nil
}

// notedReader remembers why it ended too soon.
type notedReader struct {
	r   io.Reader
	err error
}

func (n *notedReader) Read(p []byte) (int, error) {
	read, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return read, err
}

// Unarchive makes a session's folder of its archive. See engine.Archives.
func (s *Store) Unarchive(ctx context.Context, sess engine.Session, ready func() error) error {
	name := sess.ID + restoringSuffix
	if err := s.archives.removeAll(name); err != nil { // a crash left it
		return fault("the archive", err)
	}
	if err := s.extract(ctx, name, sess.ID); err != nil {
		return errors.Join(err, s.archives.removeAll(name))
	}
	group, err := s.groupDir(sess.AgentGroupID)
	if err != nil {
		return fault("the agent group's folder", err)
	}
	defer group.close()
	_, err = group.stat(sess.ID)
	switch {
	case err == nil:
		err = engine.Errorf(engine.CodeConflict, "there is a folder %s, which no session has: look at it, and move it elsewhere", sess.Folder())
	case errors.Is(err, unix.ENOENT):
		err = ready()
	}
	if err == nil {
		err = pathError("rename", name, unix.Renameat(s.archives.fd, name, group.fd, sess.ID))
	}
	if err != nil {
		return errors.Join(fault("the folder", err), s.archives.removeAll(name))
	}
	return fault("the folder", errors.Join(group.sync(), s.archives.sync()))
}

func (s *Store) extract(ctx context.Context, name, sessionID string) error {
	to := &folderSink{store: s, above: s.archives, name: name}
	defer to.close()
	_, err := s.readArchive(ctx, sessionID, to)
	if err == nil {
		err = fault("the folder", to.finish())
	}
	return err
}

// folderSink makes a folder, which nobody else can reach.
type folderSink struct {
	store *Store
	above *dir
	name  string
	root  *dir
	dirs  []archivedEntry
}

func (f *folderSink) close() {
	if f.root != nil {
		f.root.close()
	}
}

func (f *folderSink) dir(at string, mode uint32) (err error) {
	f.dirs = append(f.dirs, archivedEntry{Path: at, Mode: mode})
	if at == "." {
		if err = f.above.mkdir(f.name, 0o700); err == nil {
			f.root, err = f.above.sub(f.name)
		}
		return err
	}
	return f.in(path.Dir(at), func(d *dir) error { return d.mkdir(path.Base(at), 0o700) })
}

// in opens a directory of the folder.
func (f *folderSink) in(at string, do func(*dir) error) error {
	d := f.root
	if at != "." {
		for name := range strings.SplitSeq(at, "/") {
			sub, err := d.sub(name)
			if d != f.root {
				d.close()
			}
			if err != nil {
				return err
			}
			d = sub
		}
		defer d.close()
	}
	return do(d)
}

func (f *folderSink) file(at string, mode uint32, content io.Reader) error {
	return f.in(path.Dir(at), func(d *dir) error {
		file, err := d.open(path.Base(at), unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		if err == nil {
			err = f.store.own(int(file.Fd()), os.FileMode(mode))
		}
		if err == nil {
			err = syncData(int(file.Fd()))
		}
		return errors.Join(err, file.Close())
	})
}

// finish gives directories their modes, those within before those around them,
// and makes their names durable.
func (f *folderSink) finish() error {
	for _, e := range slices.Backward(f.dirs) {
		err := f.in(e.Path, func(d *dir) error { return errors.Join(f.store.own(d.fd, os.FileMode(e.Mode)), d.sync()) })
		if err != nil {
			return err
		}
	}
	return f.above.sync()
}
