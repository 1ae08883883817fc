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
		var p pushed
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			return // a kill in the middle of it
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
	const sessions, replies, kills = 3, 30, 6
	f := newFlaky(t)
	data := t.TempDir()
	e := engineproc.Start(t, data, "--webhook-allow-private")
	must(t, createAgents(e))
	room, err := chat(e, "room")
	must(t, err)
	e.MustQuery(t, `mutation($url: String!) { setWebhook(input: {channelType: "telegram", url: $url, secret: "0123456789abcdef"}) { userErrors { message } } }`,
		map[string]any{"url": f.URL}, nil)
	folders, want := map[string]string{}, map[string][]string{}
	for i := range sessions {
		id, folder, err := resolve(e, room, fmt.Sprint("thread-", i))
		must(t, err)
		folders[id] = filepath.Join(data, folder)
		for n := range replies {
			want[id] = append(want[id], fmt.Sprintf("s%d-r%02d", i, n))
		}
	}
	var containers sync.WaitGroup
	for id, folder := range folders {
		containers.Go(func() {
			for part := range slices.Chunk(want[id], 5) {
				var rows []string
				for _, r := range part {
					rows = append(rows, fmt.Sprintf(`('%s', %d, '2026-01-31T12:00:00Z', 'chat', '{"text":"hi"}')`, r, 2*slices.Index(want[id], r)+1))
				}
				foreign.Run(t, "exec", folder, "outbound", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES `+strings.Join(rows, ", "))
			}
		})
	}
	for range kills {
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
		waitSettled(t, e, id, len(want[id]))
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

// waitSettled asks for a retry of what waits for its next attempt, and waits
// until so many replies are delivered.
func waitSettled(t *testing.T, e *engineproc.Process, id string, n int) {
	t.Helper()
	for {
		var out struct {
			Session struct {
				Replies struct {
					Nodes []struct {
						ReplyID  string
						Delivery struct {
							Status        string
							NextAttemptAt *string
						}
					}
				}
			}
		}
		e.MustQuery(t, `query($id: ID!) { session(id: $id) { replies(first: 100) { nodes { replyId delivery { status nextAttemptAt } } } } }`, map[string]any{"id": id}, &out)
		delivered := 0
		for _, r := range out.Session.Replies.Nodes {
			if r.Delivery.Status == "DELIVERED" {
				delivered++
			}
			if r.Delivery.NextAttemptAt != nil {
				e.MustQuery(t, `mutation($id: ID!, $reply: String!) { retryReply(input: {sessionId: $id, replyId: $reply}) { userErrors { code } } }`,
					map[string]any{"id": id, "reply": r.ReplyID}, nil)
			}
		}
		if delivered == n {
			return
		}
	}
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
