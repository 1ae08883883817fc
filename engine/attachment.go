package engine

import (
	"context"
	"io"
	"time"
)

// Attachment is a file in a session's folder.
type Attachment struct {
	Name string
	// Path is relative to the session's folder.
	Path string
	// Size is in bytes.
	Size     int64
	MimeType *string
}

// AttachmentFile is an open attachment; its caller closes it.
type AttachmentFile interface {
	io.ReadSeekCloser
	Attachment() Attachment
	ModTime() time.Time
}

// Upload is a file that waits to be attached to a message.
type Upload struct {
	ID string
	// Size is in bytes.
	Size   int64
	SHA256 [32]byte
}

// Files gives access to the files of sessions and to uploads.
type Files interface {
	// MessageAttachments lists the files that m's content names and that exist
	// as regular files in the session's inbox.
	MessageAttachments(ctx context.Context, s Session, m Message) ([]Attachment, error)
	// ReplyAttachments lists the files that r's content names and that exist
	// as regular files in the reply's own outbox folder.
	ReplyAttachments(ctx context.Context, s Session, r Reply) ([]Attachment, error)
	// OpenAttachment opens "inbox/<message>/<name>" or "outbox/<reply>/<name>";
	// anything else, links and what is not a regular file are CodeNotFound.
	OpenAttachment(ctx context.Context, s Session, path string) (AttachmentFile, error)
	// SaveUpload stores r until a message names it or it expires. More bytes
	// than the limit for uploads are CodeLimitExceeded.
	SaveUpload(ctx context.Context, r io.Reader) (Upload, error)
}

// MessageAttachments lists a message's files; see Files.
func (e *Engine) MessageAttachments(ctx context.Context, s Session, m Message) ([]Attachment, error) {
	return e.mailboxes.MessageAttachments(ctx, s, m)
}

// ReplyAttachments lists a reply's files; see Files.
func (e *Engine) ReplyAttachments(ctx context.Context, s Session, r Reply) ([]Attachment, error) {
	return e.mailboxes.ReplyAttachments(ctx, s, r)
}

// OpenAttachment opens a file of a session; see Files.
func (e *Engine) OpenAttachment(ctx context.Context, sessionID, path string) (AttachmentFile, error) {
	s, err := e.registry.Session(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return e.mailboxes.OpenAttachment(ctx, s, path)
}

// SaveUpload stores a file that a later message attaches by its id.
func (e *Engine) SaveUpload(ctx context.Context, r io.Reader) (Upload, error) {
	done, err := e.begin()
	if err != nil {
		return Upload{}, err
	}
	defer done()
	return e.mailboxes.SaveUpload(ctx, r)
}
