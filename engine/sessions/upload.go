package sessions

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/google/uuid"

	"github.com/twinbox/twinbox/engine"
)

// partSuffix marks uploads that are still coming in, or that a crash cut off.
const partSuffix = ".part"

// SaveUpload stores a file until a message takes it. See engine.Files.
func (s *Store) SaveUpload(ctx context.Context, r io.Reader) (engine.Upload, error) {
	u := engine.Upload{ID: "upload-" + uuid.Must(uuid.NewRandom()).String()}
	part := u.ID + partSuffix
	f, err := s.uploads.open(part, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return engine.Upload{}, fault("the upload", err)
	}
	limit := s.opts.Limits.UploadBytes
	sum := &hashingReader{r: io.LimitReader(contextReader{ctx, r}, limit+1), hash: sha256.New()}
	u.Size, err = io.Copy(f, sum)
	if err == nil && u.Size > limit {
		err = engine.Errorf(engine.CodeLimitExceeded, "the upload has more than the %d bytes that are allowed", limit)
	}
	if err == nil {
		err = syncData(int(f.Fd()))
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = s.uploads.rename(part, u.ID)
	}
	if err == nil {
		err = s.uploads.sync()
	}
	if err != nil {
		err = errors.Join(err, s.uploads.remove(part))
		if sum.err != nil {
			return engine.Upload{}, engine.Unavailable(err, "the upload ended before all of it had come")
		}
		return engine.Upload{}, fault("the upload", err)
	}
	sum.hash.Sum(u.SHA256[:0])
	return u, nil
}

// hashingReader hashes what it reads and remembers the reader's own error,
// which is not the disk's.
type hashingReader struct {
	r    io.Reader
	hash hash.Hash
	err  error
}

func (h *hashingReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.hash.Write(p[:n])
	if err != nil && err != io.EOF {
		h.err = err
	}
	return n, err
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// putUpload gives an upload a name in a message's folder, or puts in its place
// what a hook made of it. The upload itself goes when the message is written:
// until then, a crash leaves it in place.
func (s *Store) putUpload(folder *dir, name string, a engine.AttachmentDraft, st *staged) (int64, error) {
	id := *a.UploadID
	if err := checkUploadID(a); err != nil {
		return 0, err
	}
	if !s.claim(id) {
		return 0, &engine.Error{Code: engine.CodeUnavailable, Message: "the upload is being attached by another request; try again in a moment"}
	}
	release := func() { s.unclaim(id) }
	st.undo = append(st.undo, release)
	st.finish = append(st.finish, release, func() {
		if err := s.uploads.remove(id); err != nil {
			s.log.Error("remove an upload that was attached", "upload", id, "error", err)
		}
	})
	f, size, err := s.openUpload(a)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if a.Bytes != nil || a.Spilled != nil {
		to, err := s.create(folder, name)
		if err != nil {
			return 0, err
		}
		size, err := writeDurably(to, a)
		return size, errors.Join(err, to.Close())
	}
	if err := unix.Linkat(s.uploads.fd, id, folder.fd, name, 0); err == nil {
		return size, s.own(int(f.Fd()), s.opts.FileMode)
	}
	// Another file system, or one without links.
	to, err := s.create(folder, name)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(to, f)
	if err == nil {
		err = syncData(int(to.Fd()))
	}
	return size, errors.Join(err, to.Close())
}

func checkUploadID(a engine.AttachmentDraft) error {
	if id := *a.UploadID; !engine.SafeID(id) || len(id) > 64 {
		return uploadGone(a)
	}
	return nil
}

func uploadGone(a engine.AttachmentDraft) error {
	return &engine.Error{Code: engine.CodeNotFound, Field: append(append([]string{}, a.Field...), "uploadId"),
		Message: "there is no such upload: it was attached already, or nobody attached it in time"}
}

// openUpload opens what waits to be attached; size is in bytes.
func (s *Store) openUpload(a engine.AttachmentDraft) (f *os.File, size int64, err error) {
	f, err = s.uploads.open(*a.UploadID, unix.O_RDWR, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, 0, uploadGone(a)
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && hasOtherName(info) {
		err = uploadGone(a)
		if s.hasLeft("") {
			err = &engine.Error{Code: engine.CodeUnavailable, Message: "the engine is looking after what a crash left, perhaps this upload; try again in a moment"}
		}
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// hasOtherName tells an upload that a message took before a crash: it must
// not come into a second session's folder.
func hasOtherName(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink > 1
}

// claim keeps two messages from taking one upload: they would share a file
// that one's container may write.
func (s *Store) claim(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claimed[id] {
		return false
	}
	s.claimed[id] = true
	return true
}

func (s *Store) unclaim(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.claimed, id)
}

// expireUploads removes, until ctx ends, uploads that nobody attached in time.
func (s *Store) expireUploads(ctx context.Context) {
	tick := time.NewTicker(max(s.opts.Limits.UploadAge/6, time.Second))
	defer tick.Stop()
	for {
		if err := s.removeOldUploads(s.opts.Now().Add(-s.opts.Limits.UploadAge)); err != nil {
			s.log.Error("remove uploads that nobody attached", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Store) removeOldUploads(before time.Time) error {
	names, err := s.uploads.names()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if !s.claim(name) {
			continue // a message is taking it
		}
		errs = append(errs, s.removeOldUpload(name, before))
		s.unclaim(name)
	}
	return errors.Join(errs...)
}

func (s *Store) removeOldUpload(name string, before time.Time) error {
	st, err := s.uploads.stat(name)
	taken := st.Nlink > 1 && !s.hasLeft("") // by a message that was written before a crash
	if err != nil || !taken && !time.Unix(st.Mtim.Unix()).Before(before) {
		return nil // gone meanwhile, or young: a part that grows is young
	}
	return s.uploads.remove(name)
}
