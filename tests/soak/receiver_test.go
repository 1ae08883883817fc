package soak_test

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine/delivery"
)

const secret = "a-secret-of-the-soak-test"

// receiver is a webhook's other end on a bad day: it fails, hangs and breaks
// connections, before it takes a reply or after.
type receiver struct {
	t      *testing.T
	server *httptest.Server
	calm   chan struct{} // closed when the day gets better

	mu    sync.Mutex           // guards all below
	last  map[string]attempt   // by delivery
	taken map[string]bool      // deliveries
	order map[string][]arrival // by session
}

type attempt struct {
	n       int
	replyID string
}

type arrival struct {
	replyID string
	seq     int64
}

type pushed struct {
	DeliveryID     string
	Attempt        int
	PossibleRepeat bool
	SessionID      string
	Reply          struct {
		ID      string
		Seq     int64
		Content struct {
			Text string
			Seen bool
		}
	}
	Files []struct {
		Name string
		Data []byte
	}
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, calm: make(chan struct{}), last: map[string]attempt{}, taken: map[string]bool{}, order: map[string][]arrival{}}
	r.server = httptest.NewServer(r)
	t.Cleanup(func() {
		r.calmDown()
		r.server.Close()
	})
	return r
}

func (r *receiver) calmDown() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.calmed() {
		close(r.calm)
	}
}

func (r *receiver) calmed() bool {
	select {
	case <-r.calm:
		return true
	default:
		return false
	}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // a kill in the middle of it
	}
	var p pushed
	if err := json.Unmarshal(body, &p); err != nil {
		r.t.Errorf("the webhook got %s: %v", body, err)
		return
	}
	if want := "v1=" + delivery.Signature(secret, req.Header.Get(delivery.HeaderTimestamp), body); req.Header.Get(delivery.HeaderSignature) != want {
		r.t.Errorf("delivery %s is not signed", p.DeliveryID)
	}
	mood := rand.IntN(100)
	if r.calmed() {
		mood = 99
	}
	switch {
	case strings.Contains(p.Reply.Content.Text, wishUnwanted):
		r.tried(p, false)
		w.WriteHeader(http.StatusGone)
	case mood < 4:
		r.tried(p, false)
		w.WriteHeader(http.StatusInternalServerError)
	case mood < 6:
		r.tried(p, false)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	case mood < 7:
		r.tried(p, false)
		r.hang(req)
	case mood < 8:
		r.tried(p, true)
		r.hang(req)
	case mood < 9:
		r.tried(p, false)
		panic(http.ErrAbortHandler) // which breaks the connection
	case mood < 10:
		r.tried(p, true)
		panic(http.ErrAbortHandler)
	default:
		time.Sleep(rand.N(20 * time.Millisecond))
		r.tried(p, true)
	}
}

func (r *receiver) hang(req *http.Request) {
	select {
	case <-req.Context().Done():
	case <-r.calm:
	}
	panic(http.ErrAbortHandler)
}

// tried takes note of an attempt, and of the reply if it is taken.
func (r *receiver) tried(p pushed, take bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last[p.DeliveryID]
	if p.Attempt <= last.n || last.n > 0 && last.replyID != p.Reply.ID {
		r.t.Errorf("attempt %d of delivery %s of reply %s comes after attempt %d of %s", p.Attempt, p.DeliveryID, p.Reply.ID, last.n, last.replyID)
	}
	r.last[p.DeliveryID] = attempt{p.Attempt, p.Reply.ID}
	if r.taken[p.DeliveryID] && !p.PossibleRepeat {
		r.t.Errorf("attempt %d of delivery %s of session %s is a repeat that is not marked", p.Attempt, p.DeliveryID, p.SessionID)
	}
	if !p.Reply.Content.Seen {
		r.t.Errorf("reply %s of session %s was not given to the hook", p.Reply.ID, p.SessionID)
	}
	if take && !r.taken[p.DeliveryID] {
		r.taken[p.DeliveryID] = true
		r.order[p.SessionID] = append(r.order[p.SessionID], arrival{p.Reply.ID, p.Reply.Seq})
	}
}
