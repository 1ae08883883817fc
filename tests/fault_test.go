package tests_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// crashSite is an engine that is killed at one step of a delivery, and then
// runs again.
type crashSite struct {
	session
	data     string
	receiver *gatekeeper
}

// gatekeeper is a webhook receiver that gives its first request to the test,
// if it is to, and takes all others.
type gatekeeper struct {
	*httptest.Server
	first chan http.ResponseWriter // the test has it until it is let go
	letGo func()

	mu   sync.Mutex // guards all below
	hold bool
	got  []pushed
}

func newGatekeeper(t *testing.T) *gatekeeper {
	done := make(chan struct{})
	g := &gatekeeper{first: make(chan http.ResponseWriter), letGo: sync.OnceFunc(func() { close(done) })}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := readPushed(r)
		if !ok {
			return
		}
		g.mu.Lock()
		g.got = append(g.got, p)
		held := g.hold
		g.hold = false
		g.mu.Unlock()
		if held {
			select {
			case g.first <- w:
				<-done
			case <-done:
			}
		}
	}))
	t.Cleanup(func() {
		g.letGo() // where the test failed before it did
		g.Close()
	})
	return g
}

func (g *gatekeeper) all() []pushed {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.got)
}

// holdFirst gives the next request to the test.
func (g *gatekeeper) holdFirst() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold = true
}

// answer answers a request, and returns when the engine has read that.
func (g *gatekeeper) answer(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	c, buffer, err := http.NewResponseController(w).Hijack()
	must(t, err)
	_, err = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	must(t, err)
	_, _ = io.Copy(io.Discard, buffer) // until the engine has closed it, however it did
	must(t, c.Close())
	g.letGo()
}

func newCrashSite(t *testing.T) *crashSite {
	t.Helper()
	s := newSession(t, "--webhook-allow-private")
	c := &crashSite{session: s, data: s.dataOf(), receiver: newGatekeeper(t)}
	c.push(t, c.receiver.URL)
	c.mark(t, "RUNNING")
	return c
}

func (c *crashSite) push(t *testing.T, url string) {
	t.Helper()
	c.engine.MustQuery(t, `mutation($url: String!) { setWebhook(input: {channelType: "telegram", url: $url, enabled: true}) { userErrors { message } } }`, map[string]any{"url": url}, nil)
}

func (c *crashSite) restart(t *testing.T) {
	t.Helper()
	c.engine = engineproc.Start(t, c.data, "--webhook-allow-private")
}

// say is what the container does: replies r1 to r3, of which r1 has files.
func (c *crashSite) say(t *testing.T, files int) {
	t.Helper()
	must(t, os.MkdirAll(c.path("outbox", "r1"), 0o770))
	for i := range files {
		must(t, os.WriteFile(c.path("outbox", "r1", fmt.Sprint(i, ".txt")), nil, 0o660))
	}
	foreign.Run(t, "exec", c.folder, "outbound", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES
		('r1', 1, '2026-01-31T12:00:00Z', 'chat', '{"text":"hi","files":["0.txt"]}'),
		('r2', 3, '2026-01-31T12:00:00Z', 'chat', '{"text":"hi"}'), ('r3', 5, '2026-01-31T12:00:00Z', 'chat', '{"text":"hi"}')`)
}

// registered is what the engine's registry says, as text.
func (c *crashSite) registered(t *testing.T, query string) (rows []string) {
	t.Helper()
	db, err := sqlite3.Open("file:" + filepath.Join(c.data, "engine.db") + "?_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	st, _, err := db.Prepare(query)
	must(t, err)
	defer st.Close()
	for st.Step() {
		rows = append(rows, st.ColumnText(0))
	}
	must(t, st.Err())
	return rows
}

const indexed = `SELECT reply_id FROM unsettled ORDER BY reply_id`

// state is where a reply stands in the session's folder.
func (c *crashSite) state(t *testing.T, reply string) string {
	t.Helper()
	db, err := sqlite3.Open("file:" + c.path("inbound.db") + "?mode=ro&_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	st, _, err := db.Prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'engine_outbox'`)
	must(t, err)
	defer st.Close()
	if !st.Step() {
		return ""
	}
	st, _, err = db.Prepare(`SELECT status FROM delivered WHERE message_out_id = ?1 UNION ALL SELECT state FROM engine_outbox WHERE message_out_id = ?1`)
	must(t, err)
	defer st.Close()
	must(t, st.BindText(1, reply))
	if !st.Step() {
		return ""
	}
	return st.ColumnText(0)
}

// Lesson 20, and the promise of at least once: at each step of a delivery the
// engine is killed, and nothing is lost, out of order, left over, or repeated
// but where nobody can know.
func TestKillsBetweenTheStepsOfADelivery(t *testing.T) {
	for _, step := range []struct {
		name string
		// crash has the container reply, and the engine die.
		crash func(t *testing.T, c *crashSite)
		// then is where r1 stands after that, and arrived whether it did.
		then     string
		arrived  bool
		repeated bool // it comes again
	}{
		{"written, not noticed", func(t *testing.T, c *crashSite) {
			must(t, syscall.Kill(c.engine.Pid(), syscall.SIGSTOP))
			c.say(t, 1)
		}, "", false, false},
		{"noticed, not noted", func(t *testing.T, c *crashSite) {
			release := foreign.Hold(t, "hold", c.folder, "inbound")
			c.say(t, 1)
			until(t, "the index to name r1", func() bool { return slices.Contains(c.registered(t, indexed), "r1") })
			must(t, c.engine.Kill())
			release()
		}, "", false, false},
		{"noted, not tried", func(t *testing.T, c *crashSite) {
			c.engine.MustQuery(t, `mutation { setWebhook(input: {channelType: "telegram", url: "http://127.0.0.1:1", enabled: false}) { userErrors { message } } }`, nil, nil)
			c.say(t, 1)
			until(t, "r1 to be noted", func() bool { return c.state(t, "r1") == "pending" })
		}, "pending", false, false},
		{"the attempt is recorded, the request not sent", func(t *testing.T, c *crashSite) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			defer l.Close()
			c.push(t, "https://"+l.Addr().String())
			c.say(t, 1)
			conn, err := l.Accept()
			must(t, err)
			defer conn.Close()
			_, err = bufio.NewReader(conn).ReadByte() // of a handshake that nobody answers
			must(t, err)
			must(t, c.engine.Kill())
		}, "trying", false, false},
		{"sent, not answered", func(t *testing.T, c *crashSite) {
			c.receiver.holdFirst()
			c.say(t, 1)
			<-c.receiver.first
			must(t, c.engine.Kill())
			c.receiver.letGo()
		}, "trying", true, true},
		{"answered, not marked", func(t *testing.T, c *crashSite) {
			c.receiver.holdFirst()
			c.say(t, 1)
			w := <-c.receiver.first
			release := foreign.Hold(t, "hold", c.folder, "inbound")
			c.receiver.answer(t, w)
			must(t, c.engine.Kill())
			release()
		}, "trying", true, true},
		{"marked, its files not removed", func(t *testing.T, c *crashSite) {
			c.receiver.holdFirst()
			c.say(t, 30_000)
			w := <-c.receiver.first
			c.receiver.answer(t, w)
			until(t, "r1 to be marked", func() bool { return c.state(t, "r1") == "delivered" })
			must(t, c.engine.Kill())
			if _, err := os.Stat(c.path("outbox", "r1")); err != nil {
				t.Errorf("too late: %v", err)
			}
		}, "delivered", true, false},
		{"its files removed, not the index's row", func(t *testing.T, c *crashSite) {
			c.receiver.holdFirst()
			c.say(t, 1)
			w := <-c.receiver.first
			db, err := sqlite3.Open("file:" + filepath.Join(c.data, "engine.db") + "?_pragma=busy_timeout(60000)")
			must(t, err)
			must(t, db.Exec(`BEGIN IMMEDIATE`))
			c.receiver.answer(t, w)
			until(t, "the files to be removed", func() bool {
				_, err := os.Stat(c.path("outbox", "r1"))
				return os.IsNotExist(err)
			})
			must(t, c.engine.Kill())
			must(t, db.Close())
			if !slices.Contains(c.registered(t, indexed), "r1") {
				t.Error("too late: it is not in the index")
			}
		}, "delivered", true, false},
	} {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			c := newCrashSite(t)
			step.crash(t, c)
			must(t, c.engine.Kill())
			if got := c.state(t, "r1"); got != step.then {
				t.Errorf("the kill leaves r1 %q, not %q", got, step.then)
			}
			if got := len(c.receiver.all()) > 0; got != step.arrived {
				t.Errorf("arrived: %v", got)
			}
			c.restart(t)
			c.push(t, c.receiver.URL)
			waitSettled(t, c.engine, c.id, c.folder, 3)
			c.check(t, step.repeated)
		})
	}
}

// check expects r1 to r3 to have arrived in order, r1 perhaps twice, and
// nothing to be left of them.
func (c *crashSite) check(t *testing.T, repeated bool) {
	t.Helper()
	want := []string{"r1", "r2", "r3"}
	if repeated {
		want = slices.Insert(want, 0, "r1")
	}
	got, ids := c.receiver.all(), []string{}
	for _, p := range got {
		ids = append(ids, p.Reply.ID)
	}
	if !slices.Equal(ids, want) {
		t.Fatalf("arrived: %q, want %q", ids, want)
	}
	if repeated && (got[0].Attempt != 1 || got[0].PossibleRepeat || got[1].Attempt != 2 || !got[1].PossibleRepeat || got[1].DeliveryID != got[0].DeliveryID) {
		t.Errorf("a repeat that is not marked: %+v, then %+v", got[0], got[1])
	}
	until(t, "all to be tidied", func() bool {
		_, err := os.Stat(c.path("outbox", "r1"))
		return os.IsNotExist(err) && len(c.registered(t, indexed)) == 0
	})
	if rows := foreign.Rows(t, c.folder, "inbound", "delivered"); len(rows) != 3 {
		t.Errorf("delivered: %v", rows)
	}
}
