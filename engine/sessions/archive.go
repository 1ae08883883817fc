package sessions

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// Archive makes an archive of a session's folder. See engine.Archives.
func (s *Store) Archive(ctx context.Context, sess engine.Session) (files int, bytes int64, err error) {
	// Rolls back a hot journal of ours; the container's end has seen to its.
	if err := s.do(ctx, sess, func(*inbox) error { return nil }); passing(err) {
		return 0, 0, err
	}
	f, err := s.enter(sess)
	if err != nil {
		return 0, 0, err
	}
	defer f.close()
	before, err := f.atRest()
	if err != nil {
		return 0, 0, err
	}
	name := sess.ID + ".tar"
	a := &archiver{store: s, ctx: ctx, left: s.opts.Limits.SessionBytes, entries: maxTreeEntries,
		manifest: manifest{Version: manifestVersion, ArchivedAt: s.opts.Now().UTC(), Session: archivedSessionOf(sess)}}
	err = s.writeArchive(name+newSuffix, f.dir, a)
	if err == nil {
		var after [2]fileStamp
		if after, err = f.atRest(); err == nil && after != before {
			err = engine.Errorf(engine.CodeUnavailable, "somebody wrote to session %s while it was archived", sess.ID)
		}
	}
	if err != nil {
		return 0, 0, errors.Join(fault("the archive", err), s.archives.remove(name+newSuffix))
	}
	// Under its name it is whole and on disk.
	err = s.archives.rename(name+newSuffix, name)
	if err == nil {
		err = s.archives.sync()
	}
	for _, e := range a.manifest.Entries {
		if !e.isDir() {
			files++
			bytes += e.Size
		}
	}
	if n := len(a.manifest.Skipped); n > 0 {
		s.log.Warn("links and other things that are no files were left out of an archive; its manifest lists them", "session", sess.ID, "left out", n)
	}
	return files, bytes, fault("the archive", err)
}

// atRest returns what the databases are like while nobody writes them.
func (f *folder) atRest() (stamps [2]fileStamp, err error) {
	for i, name := range []string{inboundName, outboundName} {
		if st, err := f.dir.stat(name + "-journal"); err == nil && st.Size > 0 {
			return stamps, engine.Errorf(engine.CodeUnavailable, "%s has a journal: somebody writes it", name)
		}
		st, err := f.dir.stat(name)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return stamps, fault(name, err)
		}
		stamps[i] = stampOf(st)
	}
	return stamps, nil
}

func (s *Store) writeArchive(name string, from *dir, a *archiver) (err error) {
	if err := s.archives.removeAll(name); err != nil { // a crash left it
		return err
	}
	file, err := s.archives.open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buffered := bufio.NewWriterSize(file, 1<<20)
	a.tar = tar.NewWriter(buffered)
	if err := a.dir(from, ".", maxTreeDepth); err != nil {
		return err
	}
	text, err := json.Marshal(a.manifest)
	if err != nil {
		return err
	}
	if len(text) > maxManifest {
		return archiveTooLarge(a.manifest.Session.ID, "its files have names too long to list")
	}
	if err := a.header(manifestName, tar.TypeReg, 0o600, int64(len(text))); err != nil {
		return err
	}
	if _, err := a.tar.Write(text); err != nil {
		return err
	}
	if err := errors.Join(a.tar.Close(), buffered.Flush()); err != nil {
		return err
	}
	return syncData(int(file.Fd()))
}

func archiveTooLarge(sessionID, why string) error {
	return engine.Errorf(engine.CodeLimitExceeded, "session %s cannot be archived: %s; its folder stays", sessionID, why)
}

// archiver writes a folder into a tar. It follows no link.
type archiver struct {
	store    *Store
	ctx      context.Context
	tar      *tar.Writer
	manifest manifest
	left     int64 // bytes
	entries  int
}

func (a *archiver) header(name string, kind byte, mode uint32, size int64) error {
	return a.tar.WriteHeader(&tar.Header{Name: name, Typeflag: kind, Mode: int64(mode & 0o777), Size: size, ModTime: a.manifest.ArchivedAt, Format: tar.FormatPAX})
}

func (a *archiver) dir(d *dir, at string, depth int) error {
	st, err := d.stat(".")
	if err != nil {
		return err
	}
	name := archivedPrefix
	if at != "." {
		name += at + "/"
	}
	if err := a.header(name, tar.TypeDir, uint32(st.Mode), 0); err != nil {
		return err
	}
	a.manifest.Entries = append(a.manifest.Entries, archivedEntry{Path: at, Mode: uint32(st.Mode) & 0o777})
	names, complete, err := d.someNames(a.entries + 1)
	if err != nil {
		return err
	}
	if a.entries -= len(names); a.entries < 0 || !complete || depth == 0 {
		return archiveTooLarge(a.manifest.Session.ID, fmt.Sprintf("its folder has more than %d entries, or is more than %d deep", maxTreeEntries, maxTreeDepth))
	}
	for _, name := range names {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		if err := a.entry(d, name, path.Join(at, name), depth-1); err != nil {
			return err
		}
	}
	return nil
}

func (a *archiver) entry(d *dir, name, at string, depth int) error {
	if at == heartbeatName {
		return nil // of a container that is gone
	}
	st, err := d.stat(name)
	if err != nil {
		return err
	}
	switch {
	case len(at) > maxPath:
		return archiveTooLarge(a.manifest.Session.ID, "a path in its folder is too long")
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		sub, err := d.sub(name)
		if err != nil {
			return err
		}
		defer sub.close()
		return a.dir(sub, at, depth)
	case st.Mode&unix.S_IFMT == unix.S_IFREG:
		return a.file(d, name, at)
	}
	a.manifest.Skipped = append(a.manifest.Skipped, at)
	return nil
}

func (a *archiver) file(d *dir, name, at string) error {
	fd, st, err := d.openFD(name, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if a.left -= st.Size; a.left < 0 {
		return archiveTooLarge(a.manifest.Session.ID, fmt.Sprintf("its files have more than the %d bytes that a session may have", a.store.opts.Limits.SessionBytes))
	}
	if err := a.header(archivedPrefix+at, tar.TypeReg, uint32(st.Mode), st.Size); err != nil {
		return err
	}
	sum := sha256.New()
	if n, err := io.Copy(io.MultiWriter(a.tar, sum), io.LimitReader(contextReader{a.ctx, f}, st.Size)); err != nil || n < st.Size {
		return errors.Join(err, fmt.Errorf("read %s: it has %d bytes of %d", clip(at), n, st.Size))
	}
	a.manifest.Entries = append(a.manifest.Entries, archivedEntry{Path: at, Mode: uint32(st.Mode) & 0o777, Size: st.Size, SHA256: hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// RemoveFolder removes a session's folder. See engine.Archives.
func (s *Store) RemoveFolder(_ context.Context, agentGroupID, sessionID string) error {
	group, err := s.sessions.sub(agentGroupID)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fault("the agent group's folder", err)
	}
	defer group.close()
	s.stamps.forget(sessionID)
	s.marks.Remove(sessionID)
	s.pulses.Remove(sessionID)
	s.accepted.forget(sessionID)
	s.later.set(engine.Session{ID: sessionID}, time.Time{})
	return fault("the folder", group.removeDurably(sessionID))
}

// RemoveArchive removes an archive. See engine.Archives.
func (s *Store) RemoveArchive(_ context.Context, sessionID string) error {
	return fault("the archive", errors.Join(s.archives.remove(sessionID+".tar"), s.archives.sync()))
}
