package graph

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"

	"github.com/twinbox/twinbox/engine"
)

// serveFile sends a file of a session's folder: always as a download, because
// whoever can write to a chat or runs in a container chose what is in it.
func (h *handler) serveFile(ctx context.Context, a *answer, r *http.Request) {
	sessionID, path, ok := parseAttachmentURL(r.URL.EscapedPath())
	if !ok {
		a.fail(faultNotFound)
		return
	}
	f, err := h.engine.OpenAttachment(ctx, sessionID, path)
	if err != nil {
		h.failFile(ctx, a, err)
		return
	}
	defer f.Close()
	header := a.Header()
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Attachment().Name}))
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	header.Set("Cache-Control", "private, no-cache")
	http.ServeContent(a, r, "", f.ModTime(), f)
}

func (h *handler) failFile(ctx context.Context, a *answer, err error) {
	switch engine.CodeOf(err) {
	case engine.CodeNotFound, engine.CodeInvalidInput:
		a.fail(faultNotFound)
	case engine.CodeUnavailable:
		h.log.LogAttrs(ctx, slog.LevelWarn, "open attachment", slog.String("request", a.requestID), slog.Any("error", err))
		a.fail(faultOf(err, http.StatusServiceUnavailable))
	default:
		h.log.LogAttrs(ctx, slog.LevelError, "open attachment", slog.String("request", a.requestID), slog.Any("error", err))
		a.fail(faultInternal)
	}
}

// faultOf tells a client what an error of the engine lets it know.
func faultOf(err error, status int) fault {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return fault{status, string(e.Code), e.Message}
	}
	return faultInternal
}

// signed tells whether a request is for a file that it needs no token for.
func (h *handler) signed(r *http.Request) bool {
	sessionID, path, ok := parseAttachmentURL(r.URL.EscapedPath())
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	q := r.URL.Query()
	return h.engine.FileSigned(sessionID, path, q.Get("expires"), q.Get("signature"))
}
