package graph

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/twinbox/twinbox/engine"
)

// serveUpload stores the body until a message attaches it by its id. The file
// is never in memory as a whole and does not count towards the byte budget.
func (h *handler) serveUpload(ctx context.Context, a *answer, r *http.Request) {
	body := newBodyReader(a, r)
	u, err := h.engine.SaveUpload(ctx, body)
	if err != nil {
		h.failUpload(ctx, a, body, err)
		return
	}
	// Strings and a number only: this cannot fail.
	answer, _ := json.Marshal(struct {
		UploadID string `json:"uploadId"`
		Size     int64  `json:"size"`
		SHA256   string `json:"sha256"`
	}{u.ID, u.Size, hex.EncodeToString(u.SHA256[:])})
	a.send(http.StatusOK, mediaJSON, answer)
}

func (h *handler) failUpload(ctx context.Context, a *answer, body *bodyReader, err error) {
	switch {
	case body.err != nil:
		a.fail(body.fault())
	case engine.CodeOf(err) == engine.CodeLimitExceeded:
		a.fail(faultOf(err, http.StatusRequestEntityTooLarge))
	case engine.CodeOf(err) == engine.CodeUnavailable:
		h.log.LogAttrs(ctx, slog.LevelWarn, "upload", slog.String("request", a.requestID), slog.Any("error", err))
		a.fail(faultOf(err, http.StatusServiceUnavailable))
	default:
		h.log.LogAttrs(ctx, slog.LevelError, "upload", slog.String("request", a.requestID), slog.Any("error", err))
		a.fail(faultInternal)
	}
}
