package engine

import (
	"io"
	"os"
)

// maxHeldBytes of what a hook made of an attachment are held in memory until
// the message is written; more is on disk.
const maxHeldBytes = 16 << 10

// spill has on disk what hooks made of a message's attachments: many messages
// may be on their way, and small ones may be made large. It serves one call at
// a time.
type spill struct {
	open func() (*os.File, error)
	file *os.File
	size int64
}

// add keeps b, in place of what was added last if that is before.
func (s *spill) add(b []byte, before *io.SectionReader) (*io.SectionReader, error) {
	if s.file == nil {
		f, err := s.open()
		if err != nil {
			return nil, err
		}
		s.file = f
	}
	at := s.size
	if before != nil {
		_, at, _ = before.Outer()
	}
	if _, err := s.file.WriteAt(b, at); err != nil {
		return nil, err
	}
	s.size = at + int64(len(b))
	return io.NewSectionReader(s.file, at, int64(len(b))), nil
}

// close lets go of all. It can be called again, and on nil.
func (s *spill) close() {
	if s == nil || s.file == nil {
		return
	}
	// It has no name, and nobody reads it again.
	_ = s.file.Close()
	s.file = nil
}
