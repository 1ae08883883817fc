package graph_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph"
)

const adminToken = "test-token-0123456789abcdef"

const uploadLimit = 2 << 20

// site is a handler behind a real server, on a real data directory.
type site struct {
	t    testing.TB
	host *twinbox.Host
	url  string
	addr string
}

func mustHost(t testing.TB) *twinbox.Host {
	t.Helper()
	host, err := twinbox.Open(t.Context(), t.TempDir(), twinbox.Options{Limits: engine.Limits{UploadBytes: uploadLimit}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	})
	return host
}

func mustSite(t testing.TB, c graph.Config) *site {
	t.Helper()
	return mustSiteOf(t, mustHost(t), c)
}

func mustSiteOf(t testing.TB, host *twinbox.Host, c graph.Config) *site {
	t.Helper()
	c.Token = adminToken
	h, err := graph.NewHandler(host.Engine, c)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, host: host, addr: mustServe(t, h)}
	s.url = "http://" + s.addr
	return s
}

func mustServe(t testing.TB, h http.Handler) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := graph.NewServer(h, nil)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// reply is an HTTP response that has been read.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request with the admin token; header fields are "Name: value",
// and "Name:" removes one.
func (s *site) do(method, path string, body io.Reader, fields ...string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ":")
		switch value = strings.TrimSpace(value); {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(b)}
}

// post sends a document by POST.
func (s *site) post(query string, variables map[string]any, fields ...string) reply {
	s.t.Helper()
	b, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do("POST", "/graphql", bytes.NewReader(b), append([]string{"Content-Type: application/json"}, fields...)...)
}

// code is the code of the first error in the body, "" without one.
func (r reply) code(t *testing.T) string {
	t.Helper()
	var v struct {
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("body %q: %v", r.body, err)
	}
	if len(v.Errors) == 0 {
		return ""
	}
	if v.Errors[0].Message == "" {
		t.Errorf("an error without a message: %s", r.body)
	}
	return v.Errors[0].Extensions.Code
}

func (r reply) want(t *testing.T, status int, code string) {
	t.Helper()
	if r.status != status || r.code(t) != code {
		t.Errorf("got %d %s, want %d %q", r.status, r.body, status, code)
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	for name, c := range map[string]graph.Config{
		"no token":            {},
		"origin with a path":  {Token: "t", Origins: []string{"https://console.example/app"}},
		"origin is a name":    {Token: "t", Origins: []string{"console.example"}},
		"origin is anything":  {Token: "t", Origins: []string{"*"}},
		"budget below a body": {Token: "t", BodyBytes: 1 << 20, InFlightBytes: 1 << 20},
	} {
		if _, err := graph.NewHandler(nil, c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestEveryAnswerHasSecurityHeadersAndARequestID(t *testing.T) {
	s := mustSite(t, graph.Config{})
	seen := map[string]bool{}
	for _, path := range []string{"/", "/healthz", "/graphql?query={__typename}", "/metrics", "/nothing", "/files/x/y"} {
		r := s.do("GET", path, nil)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if policy := r.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script-src") {
			t.Errorf("%s: policy %q", path, policy)
		}
		id := r.header.Get("X-Request-Id")
		if len(id) != 16 || seen[id] {
			t.Errorf("%s: request id %q", path, id)
		}
		seen[id] = true
	}
}

// Without an engine, everything that needs one panics.
func TestAPanicNeverReachesTheClient(t *testing.T) {
	var log bytes.Buffer
	h, err := graph.NewHandler(nil, graph.Config{Token: adminToken, Log: mustLog(&log)})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, addr: mustServe(t, h)}
	s.url = "http://" + s.addr
	ready := s.do("GET", "/readyz", nil)
	ready.want(t, http.StatusInternalServerError, "INTERNAL")
	query := s.post(`{session(id:"sess-x"){id}}`, nil)
	query.want(t, http.StatusOK, "INTERNAL")
	for _, r := range []reply{ready, query} {
		if strings.Contains(r.body, "nil pointer") || strings.Contains(r.body, ".go") {
			t.Errorf("the panic is shown: %s", r.body)
		}
		id := r.header.Get("X-Request-Id")
		if !strings.Contains(r.body, id) || !strings.Contains(log.String(), id) {
			t.Errorf("request id %s is not both in %s and in the log", id, r.body)
		}
	}
	if !strings.Contains(log.String(), "nil pointer") {
		t.Errorf("the log does not have the panic: %s", log.String())
	}
}
