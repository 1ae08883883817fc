package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// A file goes within the request up to inlineBytes, while all of them
	// together stay within inlineTotal.
	inlineBytes = 256 << 10
	inlineTotal = 1 << 20
	// fileTime is how long a signed address is good for.
	fileTime = 24 * time.Hour
)

func (e *Engine) parcelFiles(ctx context.Context, s Session, r Reply) ([]ParcelFile, error) {
	files, err := e.mailboxes.ReplyAttachments(ctx, s, r)
	if err != nil {
		return nil, err
	}
	left := int64(inlineTotal)
	var out []ParcelFile
	for _, f := range files {
		p := ParcelFile{Name: f.Name, Size: f.Size, MimeType: f.MimeType}
		if f.Size <= min(inlineBytes, left) {
			p.Data, err = e.readFile(ctx, s, f.Path, min(inlineBytes, left))
			p.Size = int64(len(p.Data))
			left -= p.Size
		}
		if p.Data == nil || err != nil {
			p.Data, p.URL = nil, e.SignFile(s.ID, f.Path, e.now().Add(fileTime))
		}
		out = append(out, p)
	}
	return out, nil
}

// readFile returns nil for one that has grown beyond limit bytes meanwhile.
func (e *Engine) readFile(ctx context.Context, s Session, path string, limit int64) ([]byte, error) {
	f, err := e.mailboxes.OpenAttachment(ctx, s, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil || int64(len(b)) > limit {
		return nil, err
	}
	return b, nil
}

// SignFile returns the address of a session's file, relative to the engine,
// which is good without a token until a time.
func (e *Engine) SignFile(sessionID, path string, until time.Time) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	expires := strconv.FormatInt(until.Unix(), 10)
	return "/files/" + sessionID + "/" + strings.Join(parts, "/") + "?expires=" + expires + "&signature=" + e.fileSignature(sessionID, path, expires)
}

// FileSigned tells whether SignFile made an address, and it is good still. It
// takes as long for a near miss as for a far one.
func (e *Engine) FileSigned(sessionID, path, expires, signature string) bool {
	at, err := strconv.ParseInt(expires, 10, 64)
	good := hmac.Equal([]byte(signature), []byte(e.fileSignature(sessionID, path, expires)))
	return good && err == nil && e.now().Unix() < at
}

func (e *Engine) fileSignature(sessionID, path, expires string) string {
	h := hmac.New(sha256.New, e.fileKey)
	for _, field := range []*string{&sessionID, &path, &expires} {
		sealField(h, field)
	}
	return hex.EncodeToString(h.Sum(nil))
}
