package graph

import (
	"context"
	"net/http"
	"time"

	"github.com/twinbox/twinbox/engine"
)

const readyTime = 2 * time.Second

// serveHealth says that the process answers.
func serveHealth(a *answer) { a.send(http.StatusOK, mediaText, []byte("ok\n")) }

// serveReady says whether the engine can read its registry.
func (h *handler) serveReady(ctx context.Context, a *answer) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if _, err := h.engine.AgentGroups(ctx, engine.Page{Limit: 1}); err != nil {
		h.log.WarnContext(ctx, "not ready", "request", a.requestID, "error", err)
		a.Header().Set("Retry-After", "1")
		a.send(http.StatusServiceUnavailable, mediaText, []byte("not ready: the registry cannot be read\n"))
		return
	}
	a.send(http.StatusOK, mediaText, []byte("ready\n"))
}
