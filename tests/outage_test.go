package tests_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// outage is a webhook receiver that is down, of which some containers know
// nothing.
type outage struct {
	t        *testing.T
	engine   *engineproc.Process
	data     string
	sessions []session
	skipped  time.Duration

	mu  sync.Mutex // guards all below
	up  bool
	got map[string][]pushed // by session, also what was answered with 500
}

func newOutage(t *testing.T) *outage {
	o := &outage{t: t, got: map[string][]pushed{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := readPushed(r)
		if !ok {
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.got[p.SessionID] = append(o.got[p.SessionID], p)
		if !o.up {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	o.engine, o.data = start(t, "--webhook-allow-private")
	o.engine.MustQuery(t, `mutation($url: String!) { setWebhook(input: {channelType: "telegram", url: $url}) { userErrors { message } } }`, map[string]any{"url": server.URL}, nil)
	room, err := chat(o.engine, "room")
	must(t, err)
	for i := range 3 {
		id, folder, err := resolve(o.engine, room, fmt.Sprint(i))
		must(t, err)
		s := session{engine: o.engine, id: id, folder: filepath.Join(o.data, folder)}
		s.mark(t, "RUNNING")
		o.sessions = append(o.sessions, s)
	}
	return o
}

// say has each container reply once more.
func (o *outage) say(n int) {
	for _, s := range o.sessions {
		foreign.Run(o.t, "exec", s.folder, "outbound",
			fmt.Sprintf(`INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r%d', %d, '2026-01-31T12:00:00Z', 'chat', 'hi')`, n, 2*n+1))
	}
}

// waitFailed waits until each session's first reply has failed after so many
// attempts, and waits for its next one; it returns how many there were.
func (o *outage) waitFailed(after []int) (attempts []int) {
	for i, s := range o.sessions {
		until(o.t, "an attempt to fail", func() bool {
			d := s.outcomeOf(o.t, "r0")
			if d.Attempts <= after[i] || d.NextAttemptAt == nil {
				return false
			}
			attempts = append(attempts, d.Attempts)
			return true
		})
	}
	return attempts
}

// skip lets the time pass until all that waits is due, while no engine runs: it
// is what is stored that gets older. A process cannot be given another clock
// without changing that of the machine.
func (o *outage) skip() {
	var last time.Time
	for _, s := range o.sessions {
		// What the engine was killed in is undone by who may write: Rows may not.
		foreign.Run(o.t, "exec", s.folder, "inbound", `DELETE FROM engine_outbox WHERE 0`)
		for _, row := range foreign.Rows(o.t, s.folder, "inbound", "engine_outbox") {
			if due, ok := row["due_at"].(float64); ok && time.UnixMilli(int64(due)).After(last) {
				last = time.UnixMilli(int64(due))
			}
		}
	}
	pause := max(time.Until(last), 0) + time.Millisecond
	o.skipped += pause
	for _, s := range o.sessions {
		foreign.Run(o.t, "exec", s.folder, "inbound",
			fmt.Sprintf(`UPDATE engine_outbox SET due_at = due_at - %[1]d, lease_until = lease_until - %[1]d`, pause.Milliseconds()))
	}
	foreign.Run(o.t, "exec", o.data, "engine", fmt.Sprintf(`UPDATE unsettled SET due_at = due_at - %d`, pause.Milliseconds()))
}

func (o *outage) restart(end func(*engineproc.Process) error) {
	must(o.t, end(o.engine))
	o.skip()
	o.engine = engineproc.Start(o.t, o.data, "--webhook-allow-private")
	for i := range o.sessions {
		o.sessions[i].engine = o.engine
	}
}

// The pauses between attempts are those of the engine, and it is stopped or
// killed in each of them.
func TestAnHourOfFailuresLosesNothing(t *testing.T) {
	t.Parallel()
	o := newOutage(t)
	said := 0
	attempts := make([]int, len(o.sessions))
	for o.skipped < time.Hour {
		if said < 5 {
			o.say(said)
			said++
		}
		attempts = o.waitFailed(attempts)
		end := (*engineproc.Process).Stop
		if attempts[0]%2 == 0 {
			end = (*engineproc.Process).Kill
		}
		o.restart(end)
	}
	attempts = o.waitFailed(attempts)
	t.Logf("%v attempts in %v", attempts, o.skipped)
	o.mu.Lock()
	o.up = true
	o.mu.Unlock()
	o.restart((*engineproc.Process).Kill)
	for i, s := range o.sessions {
		waitSettled(t, o.engine, s.id, s.folder, said)
		o.check(s, said, attempts[i])
	}
}

// check expects so many replies in order, of which the first was tried before
// as often as it failed.
func (o *outage) check(s session, said, failed int) {
	o.mu.Lock()
	got := slices.Clone(o.got[s.id])
	o.mu.Unlock()
	var want, ids []string
	for n := range said {
		want = append(want, fmt.Sprint("r", n))
	}
	for i, p := range got {
		ids = append(ids, p.Reply.ID)
		attempt := 1
		if p.Reply.ID == "r0" {
			attempt += i
		}
		if p.Attempt != attempt || p.PossibleRepeat {
			o.t.Errorf("request %d is %+v", i, p)
		}
	}
	if !slices.Equal(slices.Compact(ids), want) || len(got) < failed+said {
		o.t.Errorf("after %d failures, %q arrived", failed, ids)
	}
	for _, row := range foreign.Rows(o.t, s.folder, "inbound", "delivered") {
		if row["status"] != "delivered" {
			o.t.Errorf("%v", row)
		}
	}
}
