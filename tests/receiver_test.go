package tests_test

import (
	"bytes"
	"cmp"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

// badReceiver is one of these: a receiver whose answer to the first request is
// answer, which behaves from then on; or one that no request gets to, until its
// webhook has the url of one that behaves.
type badReceiver struct {
	answer http.HandlerFunc
	url    string
	// arrived: it had taken the first request; settled: and no more is to come of it.
	arrived, settled bool
}

func badReceivers(t *testing.T) map[string]badReceiver {
	return map[string]badReceiver{
		"error": {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }},
		"redirect": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}},
		"reset": {answer: func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}
		}, arrived: true},
		"gigabyte": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			chunk := bytes.Repeat([]byte(" "), 1<<20)
			for range 1 << 10 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}},
		"hang": {answer: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // else it does not see that the engine has gone
			<-r.Context().Done()
		}, arrived: true},
		"slow-headers":    {answer: slowly("HTTP/1.1 200 OK\r\nX-More: "), arrived: true},
		"slow-refusal":    {answer: slowly("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n\r\n")},
		"slow-acceptance": {answer: slowly("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"), arrived: true, settled: true},
		"no-tls":          {url: "https://" + refusing(t, (*httptest.Server).Start)},
		"nobodys-tls":     {url: "https://" + refusing(t, (*httptest.Server).StartTLS)},
		"tls-that-hangs":  {url: "https://" + hanging(t)},
	}
}

// slowly answers with that, and then with a byte at a time until the engine
// has gone.
func slowly(begin string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, err = io.WriteString(c, begin)
		for pace := time.Tick(100 * time.Millisecond); err == nil; <-pace {
			_, err = io.WriteString(c, "x")
		}
	}
}

// refusing is the address of a server that a request must not get to.
func refusing(t *testing.T, start func(*httptest.Server)) string {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a reply was sent without TLS, or to nobody knows whom")
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(s)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// hanging is the address of one that lets everybody connect and says nothing.
func hanging(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String() // the system accepts
}

// One that misbehaves loses nothing, holds up no other, and gets a repeat only
// where nobody can know that it is one, which says so. Those that are slow take
// as long as an attempt may, all at one time.
func TestReceiversThatMisbehaveLoseNothing(t *testing.T) {
	t.Parallel()
	receivers := badReceivers(t)
	var mu sync.Mutex // guards got and seen
	got, seen := map[string][]pushed{}, map[string]bool{}
	var elsewhere atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := strings.TrimPrefix(r.URL.Path, "/")
		bad, known := receivers[kind]
		if !known {
			elsewhere.Add(1)
			return
		}
		p, ok := readPushed(r)
		if !ok {
			return
		}
		mu.Lock()
		misbehave := !seen[kind] && bad.answer != nil
		seen[kind] = true
		if !misbehave || bad.arrived {
			got[kind] = append(got[kind], p)
		}
		mu.Unlock()
		if misbehave {
			bad.answer(w, r)
		}
	}))
	defer server.Close()
	e, data := start(t, "--webhook-allow-private")
	push := func(kind, url string) {
		e.MustQuery(t, `mutation($kind: String!, $url: String!) { setWebhook(input: {channelType: $kind, url: $url}) { userErrors { message } } }`,
			map[string]any{"kind": kind, "url": url}, nil)
	}
	ids, folders := map[string]string{}, map[string]string{}
	for kind, bad := range receivers {
		push(kind, cmp.Or(bad.url, server.URL+"/"+kind))
		var out struct {
			EnsureMessagingGroup struct{ MessagingGroup struct{ ID string } }
		}
		e.MustQuery(t, `mutation($kind: String!) {
			ensureMessagingGroup(input: {channelType: $kind, platformId: "1"}) { messagingGroup { id } userErrors { message } } }`,
			map[string]any{"kind": kind}, &out)
		id, folder, err := resolve(e, out.EnsureMessagingGroup.MessagingGroup.ID, "thread")
		must(t, err)
		ids[kind], folders[kind] = id, filepath.Join(data, folder)
		session{engine: e, id: id}.mark(t, "RUNNING")
		foreign.Run(t, "exec", folders[kind], "outbound", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES
			('r1', 1, '2026-01-31T12:00:00Z', 'chat', 'hi'), ('r2', 3, '2026-01-31T12:00:00Z', 'chat', 'hi'), ('r3', 5, '2026-01-31T12:00:00Z', 'chat', 'hi')`)
	}
	for kind, bad := range receivers {
		if bad.url != "" {
			until(t, kind+" to fail", func() bool { return session{engine: e, id: ids[kind]}.outcomeOf(t, "r1").LastError != nil })
			push(kind, server.URL+"/"+kind)
		}
	}
	for kind, bad := range receivers {
		waitSettled(t, e, ids[kind], folders[kind], 3)
		want := []string{"r1", "r2", "r3"}
		if bad.arrived && !bad.settled {
			want = slices.Insert(want, 0, "r1")
		}
		mu.Lock()
		all := slices.Clone(got[kind])
		mu.Unlock()
		var arrived []string
		for _, p := range all {
			arrived = append(arrived, p.Reply.ID)
		}
		if !slices.Equal(arrived, want) {
			t.Errorf("%s: %q arrived, want %q", kind, arrived, want)
			continue
		}
		last := all[len(all)-3] // of the attempts at r1
		if again := last.Attempt > 1; again == bad.settled || last.PossibleRepeat != (bad.arrived && !bad.settled) || bad.url == "" && last.Attempt > 2 {
			t.Errorf("%s: the last attempt is %+v", kind, last)
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}
