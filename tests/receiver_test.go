package tests_test

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	foreign "github.com/twinbox/twinbox/tests/internal/foreigntest"
)

type badReceiver struct {
	answer  http.HandlerFunc
	arrived bool
}

// Each of these receivers does to the first request what its name says, and
// behaves from then on. arrived: it had taken it.
func badReceivers() map[string]badReceiver {
	return map[string]badReceiver{
		"error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, false},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, false},
		"reset": {func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}
		}, true},
		"gigabyte": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			chunk := bytes.Repeat([]byte(" "), 1<<20)
			for range 1 << 10 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, false},
	}
}

// One that misbehaves loses nothing, holds up no other, and gets a repeat only
// where nobody can know that it is one, which says so.
func TestReceiversThatMisbehaveLoseNothing(t *testing.T) {
	t.Parallel()
	receivers := badReceivers()
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
		first := !seen[kind]
		seen[kind] = true
		if !first || bad.arrived {
			got[kind] = append(got[kind], p)
		}
		mu.Unlock()
		if first {
			bad.answer(w, r)
		}
	}))
	defer server.Close()
	e, data := start(t, "--webhook-allow-private")
	ids, folders := map[string]string{}, map[string]string{}
	for kind := range receivers {
		var out struct {
			EnsureMessagingGroup struct{ MessagingGroup struct{ ID string } }
		}
		e.MustQuery(t, `mutation($kind: String!, $url: String!) {
			setWebhook(input: {channelType: $kind, url: $url}) { userErrors { message } }
			ensureMessagingGroup(input: {channelType: $kind, platformId: "1"}) { messagingGroup { id } userErrors { message } } }`,
			map[string]any{"kind": kind, "url": server.URL + "/" + kind}, &out)
		id, folder, err := resolve(e, out.EnsureMessagingGroup.MessagingGroup.ID, "thread")
		must(t, err)
		ids[kind], folders[kind] = id, filepath.Join(data, folder)
		session{engine: e, id: id}.mark(t, "RUNNING")
		foreign.Run(t, "exec", folders[kind], "outbound", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES
			('r1', 1, '2026-01-31T12:00:00Z', 'chat', 'hi'), ('r2', 3, '2026-01-31T12:00:00Z', 'chat', 'hi'), ('r3', 5, '2026-01-31T12:00:00Z', 'chat', 'hi')`)
	}
	for kind, bad := range receivers {
		waitSettled(t, e, ids[kind], folders[kind], 3)
		want := []string{"r1", "r2", "r3"}
		if bad.arrived {
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
		if again := all[len(all)-3]; again.Attempt != 2 || again.PossibleRepeat != bad.arrived {
			t.Errorf("%s: the second attempt is %+v", kind, again)
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}
