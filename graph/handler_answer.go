package graph

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// fault is why a request was not carried out. Its message is for everybody.
type fault struct {
	status        int
	code, message string
}

// Codes of faults and of errors in a document; the engine's own are engine.Code.
const (
	codeBadRequest      = "BAD_REQUEST"
	codeUnauthenticated = "UNAUTHENTICATED"
	codeForbidden       = "FORBIDDEN"
	codeRateLimited     = "RATE_LIMITED"
	codeUnavailable     = "UNAVAILABLE"
	codeInternal        = "INTERNAL"
	codeNotFound        = "NOT_FOUND"
	codeLimitExceeded   = "LIMIT_EXCEEDED"
)

var (
	faultHost     = fault{http.StatusMisdirectedRequest, codeForbidden, "the engine is not known by the host name of this request; add it to the allowed hosts"}
	faultOrigin   = fault{http.StatusForbidden, codeForbidden, "pages of this origin may not use the engine; add it to the allowed origins"}
	faultToken    = fault{http.StatusUnauthorized, codeUnauthenticated, "send the token as Authorization: Bearer TOKEN"}
	faultGuessing = fault{http.StatusTooManyRequests, codeRateLimited, "too many wrong tokens; wait a minute"}
	faultNotFound = fault{http.StatusNotFound, codeNotFound, "there is nothing here"}
	faultMethod   = fault{http.StatusMethodNotAllowed, codeBadRequest, "this method is not allowed here"}
	faultBusy     = fault{http.StatusServiceUnavailable, codeUnavailable, "the engine holds as many requests as it can; try again in a moment"}
	faultSlow     = fault{http.StatusRequestTimeout, codeBadRequest, "the body came too slowly"}
	faultBody     = fault{http.StatusBadRequest, codeBadRequest, "the body ended early"}
	faultInternal = fault{http.StatusInternalServerError, codeInternal, "something went wrong; the log has the reason under this request id"}
)

const (
	// Whoever neither sends nor takes a byte for stallTime has gone.
	stallTime = 30 * time.Second
	// lingerTime is for a client that still sends, to see its answer.
	lingerTime = 5 * time.Second
	// writeChunk is what a reader must take within stallTime.
	writeChunk = 64 << 10
)

// answer is the response to one request. It notes its status, and gives up on
// a reader that stalls.
type answer struct {
	http.ResponseWriter
	control   *http.ResponseController
	requestID string
	// mediaType of a fault; empty is application/json.
	mediaType string
	// status is 0 until the header is written.
	status int
	// broken says that the answer cannot be completed.
	broken bool
	// streams says that the answer lasts as long as its reader likes.
	streams bool
	// unread says that the body of an HTTP/1 request was not read to its end.
	unread   bool
	deadline time.Time
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
		if a.unread {
			// The server would wait for the rest of the body before it
			// answers, and for one that never comes, for ever.
			a.Header().Set("Connection", "close")
			_ = a.control.SetReadDeadline(time.Now().Add(lingerTime))
		}
	}
	a.extend()
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (n int, err error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	for {
		a.extend()
		m, err := a.ResponseWriter.Write(p[:min(len(p), writeChunk)])
		n += m
		if p = p[m:]; err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// extend moves the write deadline, at most once a second: it costs more than
// a small write. A connection that has none is a test's.
func (a *answer) extend() {
	if d := time.Now().Add(stallTime); d.Sub(a.deadline) > time.Second {
		a.deadline = d
		_ = a.control.SetWriteDeadline(d)
	}
}

// fail answers with a fault, in the shape of a GraphQL error.
func (a *answer) fail(f fault) {
	type extensions struct {
		Code      string `json:"code"`
		RequestID string `json:"requestId"`
	}
	type failure struct {
		Message    string     `json:"message"`
		Extensions extensions `json:"extensions"`
	}
	// Strings only: this cannot fail.
	body, _ := json.Marshal(map[string][]failure{"errors": {{f.message, extensions{f.code, a.requestID}}}})
	switch f.status {
	case http.StatusServiceUnavailable:
		a.Header().Set("Retry-After", "1")
	case http.StatusTooManyRequests:
		a.Header().Set("Retry-After", "60")
	}
	mediaType := a.mediaType
	if mediaType == "" {
		mediaType = mediaJSON
	}
	a.send(f.status, mediaType, body)
}

// send answers with a body in parts.
func (a *answer) send(status int, mediaType string, parts ...[]byte) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	header := a.Header()
	header["Content-Type"] = []string{mediaType}
	header["Content-Length"] = []string{strconv.Itoa(size)}
	a.WriteHeader(status)
	for _, p := range parts {
		if _, err := a.Write(p); err != nil {
			a.broken = true
			return
		}
	}
}

// permits reports whether r has one of the methods, and answers it if not.
func (a *answer) permits(r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
	}
	a.Header().Set("Allow", strings.Join(methods, ", "))
	a.fail(faultMethod)
	return false
}

// newRequestID is for finding a request in the log. It need not be secret.
func newRequestID() string {
	const digits = "0123456789abcdef"
	var b [16]byte
	n := rand.Uint64()
	for i := range b {
		b[i] = digits[n&15]
		n >>= 4
	}
	return string(b[:])
}
