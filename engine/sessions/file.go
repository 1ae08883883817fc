package sessions

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// maxAttachments bounds the files that are listed for one message or reply.
const maxAttachments = 1000

// MessageAttachments lists a message's files. See engine.Files.
func (s *Store) MessageAttachments(_ context.Context, sess engine.Session, m engine.Message) ([]engine.Attachment, error) {
	var content struct {
		Attachments []struct {
			LocalPath string  `json:"localPath"`
			MimeType  *string `json:"mimeType"`
		} `json:"attachments"`
	}
	if !strings.Contains(m.Content, `"localPath"`) || json.Unmarshal([]byte(m.Content), &content) != nil {
		return nil, nil // no attachments of ours
	}
	var files []engine.Attachment
	for _, a := range content.Attachments {
		if strings.HasPrefix(a.LocalPath, inboxName+"/") {
			files = append(files, engine.Attachment{Path: a.LocalPath, MimeType: a.MimeType})
		}
	}
	return s.existing(sess, files)
}

// ReplyAttachments lists a reply's files. See engine.Files.
func (s *Store) ReplyAttachments(_ context.Context, sess engine.Session, r engine.Reply) ([]engine.Attachment, error) {
	var content struct {
		Files []any `json:"files"`
	}
	if !engine.SafeID(r.ID) || json.Unmarshal([]byte(r.Content), &content) != nil {
		return nil, nil
	}
	var files []engine.Attachment
	for _, f := range content.Files {
		if name, ok := f.(string); ok {
			files = append(files, engine.Attachment{Path: outboxName + "/" + r.ID + "/" + name})
		}
	}
	return s.existing(sess, files)
}

// existing keeps the files that exist, and fills in name and size.
func (s *Store) existing(sess engine.Session, files []engine.Attachment) ([]engine.Attachment, error) {
	if len(files) == 0 {
		return nil, nil
	}
	session, err := s.enter(sess)
	if err != nil {
		return nil, err
	}
	defer session.close()
	var found []engine.Attachment
	for _, a := range files[:min(len(files), maxAttachments)] {
		f, err := openIn(session.dir, a.Path)
		if err != nil {
			continue // not there, or not what an attachment may be
		}
		info, err := f.Stat()
		f.Close()
		if err == nil {
			a.Name, a.Size = info.Name(), info.Size()
			found = append(found, a)
		}
	}
	return found, nil
}

// OpenAttachment opens a file of a session. See engine.Files.
func (s *Store) OpenAttachment(_ context.Context, sess engine.Session, path string) (engine.AttachmentFile, error) {
	session, err := s.enter(sess)
	if err != nil {
		return nil, err
	}
	defer session.close()
	f, err := openIn(session.dir, path)
	if err != nil {
		return nil, &engine.Error{Code: engine.CodeNotFound, Message: "there is no such attachment", Err: err}
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fault("the attachment", err)
	}
	return &attachmentFile{File: f, info: info, path: path}, nil
}

var errNotAttachment = errors.New("not the path of an attachment")

// openIn opens inbox/<message>/<name> or outbox/<reply>/<name>: each directory
// as its own, so that no link leads elsewhere, and only a regular file.
func openIn(session *dir, path string) (*os.File, error) {
	parts := strings.Split(path, "/")
	if len(parts) != 3 || parts[0] != inboxName && parts[0] != outboxName || !engine.SafeID(parts[1]) || !safeFileName(parts[2]) {
		return nil, errNotAttachment
	}
	box, err := session.sub(parts[0])
	if err != nil {
		return nil, err
	}
	defer box.close()
	folder, err := box.sub(parts[1])
	if err != nil {
		return nil, err
	}
	defer folder.close()
	fd, st, err := folder.openFD(parts[2], unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if st.Nlink != 1 {
		// A hard link may be to a file that the container cannot read itself.
		_ = unix.Close(fd) // nothing was written
		return nil, errManyLinks
	}
	return os.NewFile(uintptr(fd), parts[2]), nil
}

type attachmentFile struct {
	*os.File
	info os.FileInfo
	path string
}

func (f *attachmentFile) Attachment() engine.Attachment {
	return engine.Attachment{Name: f.info.Name(), Path: f.path, Size: f.info.Size()}
}

func (f *attachmentFile) ModTime() time.Time { return f.info.ModTime() }
