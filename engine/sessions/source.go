package sessions

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// AttachmentSize is what an attachment brings. See engine.AttachmentSource.
func (s *Store) AttachmentSize(a engine.AttachmentDraft) (int64, error) {
	if a.UploadID == nil {
		if err := s.checkSizes([]engine.AttachmentDraft{a}); err != nil {
			return 0, err
		}
		return decodedSize(*a.Data), nil
	}
	if err := checkUploadID(a); err != nil {
		return 0, err
	}
	f, size, err := s.openUpload(a)
	if err != nil {
		return 0, fault("the upload", err)
	}
	return size, f.Close()
}

// AttachmentBytes reads it. See engine.AttachmentSource.
func (s *Store) AttachmentBytes(ctx context.Context, a engine.AttachmentDraft) ([]byte, error) {
	if a.UploadID == nil {
		b := bytes.NewBuffer(make([]byte, 0, decodedSize(*a.Data)))
		err := decodeAttachment(b, a)
		return b.Bytes(), err
	}
	if err := checkUploadID(a); err != nil {
		return nil, err
	}
	f, size, err := s.openUpload(a)
	if err != nil {
		return nil, fault("the upload", err)
	}
	b := make([]byte, size)
	_, err = io.ReadFull(contextReader{ctx, f}, b)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fault("the upload", err)
	}
	return b, nil
}

// Scratch is where uploads are, which have as much room. See
// engine.AttachmentSource.
func (s *Store) Scratch() (*os.File, error) {
	name := "scratch-" + rand.Text()
	f, err := s.uploads.open(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return nil, fault("the scratch file", err)
	}
	if err := s.uploads.remove(name); err != nil { // after a crash it goes as uploads do
		return nil, fault("the scratch file", errors.Join(err, f.Close()))
	}
	return f, nil
}
