package tests_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// pushed is what a webhook receiver got.
type pushed struct {
	DeliveryID     string
	Attempt        int
	PossibleRepeat bool
	SessionID      string
	Reply          struct{ ID string }
}

// readPushed reads a request; it is not ok if a kill cut it off.
func readPushed(r *http.Request) (p pushed, ok bool) {
	err := json.NewDecoder(r.Body).Decode(&p)
	return p, err == nil
}

// flaky is a webhook receiver on a bad day. Now and then it has the engine
// killed, before it answers or after.
type flaky struct {
	*httptest.Server
	kill chan struct{} // asks for a kill
	calm chan struct{} // closed when there are no more kills

	mu  sync.Mutex // guards got
	got []pushed
}

func newFlaky(t *testing.T) *flaky {
	f := &flaky{kill: make(chan struct{}, 1), calm: make(chan struct{})}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := readPushed(r)
		if !ok {
			return
		}
		f.mu.Lock()
		n := len(f.got)
		// Its own words for what it did not take: a 500 is no arrival.
		taken := n%11 != 5 || p.Attempt > 1
		if taken {
			f.got = append(f.got, p)
		}
		f.mu.Unlock()
		if !taken {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		switch n % 17 {
		case 3: // the engine dies of it, or before its answer
			f.ask()
			select {
			case <-r.Context().Done():
			case <-f.calm:
			}
		case 9: // it dies with the answer in hand
			w.WriteHeader(http.StatusOK)
			f.ask()
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *flaky) ask() {
	select {
	case f.kill <- struct{}{}:
	default:
	}
}

func (f *flaky) all() []pushed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// Lessons 17 to 20: none lost, order kept, repeats only where a crash fell
// between send and mark, and then marked.
func TestRepliesSurviveKillsOfTheEngine(t *testing.T) {
	const sessions = 3
	crashes := kills(t, 6)
	const part = 5 // of the replies comes with each kill
	f := newFlaky(t)
	data := t.TempDir()
	e := engineproc.Start(t, data, "--webhook-allow-private")
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	e.MustQuery(t, `mutation($url: String!) { setWebhook(input: {channelType: "telegram", url: $url, secret: "0123456789abcdef"}) { userErrors { message } } }`,
		map[string]any{"url": f.URL}, nil)
	folders, want, turns := map[string]string{}, map[string][]string{}, map[string]chan struct{}{}
	for i := range sessions {
		id, folder, err := resolve(e, room, fmt.Sprint("thread-", i))
		must(t, err)
		folders[id] = filepath.Join(data, folder)
		session{engine: e, id: id}.mark(t, "RUNNING")
		turns[id] = make(chan struct{}, crashes)
		for n := range part * crashes {
			want[id] = append(want[id], fmt.Sprintf("s%d-r%02d", i, n))
		}
	}
	var containers sync.WaitGroup
	for id, folder := range folders {
		containers.Go(func() {
			for some := range slices.Chunk(want[id], part) {
				<-turns[id]
				var rows []string
				for _, r := range some {
					rows = append(rows, fmt.Sprintf(`('%s', %d, '2026-01-31T12:00:00Z', 'chat', '{"text":"hi"}')`, r, 2*slices.Index(want[id], r)+1))
				}
				foreign.Run(t, "exec", folder, "outbound", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES `+strings.Join(rows, ", "))
			}
		})
	}
	for range crashes {
		before := len(f.all())
		for _, turn := range turns {
			turn <- struct{}{}
		}
		// On a slow machine, an engine would be killed before it delivers anything.
		until(t, "an arrival", func() bool { return len(f.all()) > before })
		select {
		case <-f.kill:
		case <-time.After(500 * time.Millisecond): // at a moment that nobody chose
		}
		must(t, e.Kill())
		e = engineproc.Start(t, data, "--webhook-allow-private")
	}
	close(f.calm)
	containers.Wait()
	for id := range folders {
		waitSettled(t, e, id, folders[id], len(want[id]))
	}
	checkPushed(t, f.all(), want)
	for id, folder := range folders {
		rows := foreign.Rows(t, folder, "inbound", "delivered")
		for _, row := range rows {
			if row["status"] != "delivered" {
				t.Errorf("%s: %v", id, row)
			}
		}
		if len(rows) != len(want[id]) {
			t.Errorf("%s: %d of %d are delivered", id, len(rows), len(want[id]))
		}
	}
}

// outcome is what the engine says of a reply's delivery.
type outcome struct {
	Attempts                 int
	NextAttemptAt, LastError *string
}

// outcomeOf is the zero value of what is not noticed yet.
func (s session) outcomeOf(t *testing.T, reply string) outcome {
	t.Helper()
	var out struct{ Reply struct{ Delivery outcome } }
	s.engine.MustQuery(t, `query($session: ID!, $reply: String!) { reply(sessionId: $session, replyId: $reply) { delivery { attempts nextAttemptAt lastError } } }`,
		map[string]any{"session": s.id, "reply": reply}, &out)
	return out.Reply.Delivery
}

// waitSettled asks for a retry of what waits for its next attempt, and waits
// until so many replies of a session are delivered.
func waitSettled(t *testing.T, e *engineproc.Process, id, folder string, n int) {
	t.Helper()
	until(t, fmt.Sprintf("%d deliveries of %s", n, id), func() bool {
		var out struct {
			UnsettledReplies struct {
				Nodes []struct {
					ReplyID  string
					Session  struct{ ID string }
					Delivery struct{ NextAttemptAt *string }
				}
			}
		}
		e.MustQuery(t, `{ unsettledReplies(first: 100) { nodes { replyId session { id } delivery { nextAttemptAt } } } }`, nil, &out)
		for _, r := range out.UnsettledReplies.Nodes {
			if r.Delivery.NextAttemptAt != nil {
				e.MustQuery(t, `mutation($id: ID!, $reply: String!) { retryReply(input: {sessionId: $id, replyId: $reply}) { userErrors { code } } }`,
					map[string]any{"id": r.Session.ID, "reply": r.ReplyID}, nil)
			}
		}
		return len(foreign.Rows(t, folder, "inbound", "delivered")) == n
	})
}

func checkPushed(t *testing.T, got []pushed, want map[string][]string) {
	t.Helper()
	first, repeats := map[string][]string{}, 0
	ids := map[string]string{} // of deliveries
	for _, p := range got {
		key := p.SessionID + " " + p.Reply.ID
		if ids[key] == "" {
			ids[key] = p.DeliveryID
			first[p.SessionID] = append(first[p.SessionID], p.Reply.ID)
			continue
		}
		repeats++
		if p.DeliveryID != ids[key] || p.Attempt < 2 || !p.PossibleRepeat {
			t.Errorf("a repeat that is not marked: %+v", p)
		}
	}
	for id, replies := range want {
		if !slices.Equal(first[id], replies) {
			t.Errorf("%s got %q, want %q", id, first[id], replies)
		}
	}
	t.Logf("%d replies, %d repeats", len(ids), repeats)
	if repeats == 0 {
		t.Error("no kill fell between send and mark: the test shows nothing")
	}
}
