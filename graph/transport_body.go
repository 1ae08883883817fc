package graph

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// A body must come at slowBody bytes a second on average, with stallTime
	// to begin with, and never stall for longer than that.
	slowBody = 8 << 10
	// Buffers up to this size are kept for other requests.
	pooledBody = 64 << 10
)

// bodyReader reads a request's body and gives up on a sender that stalls.
type bodyReader struct {
	body   io.Reader
	answer *answer
	start  time.Time
	n      int64
	// err is why reading ended, if not at the body's end.
	err error
}

func newBodyReader(a *answer, r *http.Request) *bodyReader {
	return &bodyReader{body: r.Body, answer: a, start: time.Now()}
}

func (b *bodyReader) Read(p []byte) (int, error) {
	now := time.Now()
	deadline := b.start.Add(stallTime + time.Duration(b.n/slowBody)*time.Second)
	if d := now.Add(stallTime); d.Before(deadline) {
		deadline = d
	}
	// A connection that has no deadlines is a test's.
	_ = b.answer.control.SetReadDeadline(deadline)
	n, err := b.body.Read(p)
	b.n += int64(n)
	if err != nil {
		// The server goes on reading, to see whether the client is there.
		_ = b.answer.control.SetReadDeadline(time.Time{})
		if err == io.EOF {
			b.answer.unread = false
		} else {
			b.err = err
		}
	}
	return n, err
}

// fault is what to answer when err is set.
func (b *bodyReader) fault() fault {
	if errors.Is(b.err, os.ErrDeadlineExceeded) {
		return faultSlow
	}
	return faultBody
}

// buffers keeps small buffers for bodies.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[]byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return p
	}
	p := make([]byte, 4<<10)
	return &p
}

func (b *buffers) put(p *[]byte) {
	if len(*p) <= pooledBody {
		b.pool.Put(p)
	}
}

// readBody reads the whole body into *buf, which it replaces by larger ones as
// bytes come in, and returns the part that is filled. Twice the buffer is
// leased before it is made: once for the body, once for the values that will
// be read from it. A Content-Length alone takes nothing.
func (h *handler) readBody(a *answer, r *http.Request, l *lease, buf *[]byte) ([]byte, *fault) {
	if r.ContentLength > h.bodyBytes {
		return nil, h.faultLarge()
	}
	body := newBodyReader(a, r)
	if !l.grow(2 * int64(len(*buf))) {
		return nil, &faultBusy
	}
	for filled := 0; ; {
		n, err := body.Read((*buf)[filled:])
		filled += n
		switch {
		case int64(filled) > h.bodyBytes:
			return nil, h.faultLarge()
		case err == io.EOF:
			return (*buf)[:filled], nil
		case err != nil:
			f := body.fault()
			return nil, &f
		}
		if filled < len(*buf) {
			continue
		}
		size := min(2*int64(filled), h.bodyBytes+1)
		if r.ContentLength >= int64(filled) {
			// One more than is to come, so that its end is seen without growing.
			size = min(size, r.ContentLength+1)
		}
		if !l.grow(2 * (size - int64(filled))) {
			return nil, &faultBusy
		}
		larger := make([]byte, size)
		copy(larger, *buf)
		*buf = larger
	}
}
