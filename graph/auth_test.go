package graph_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/graph"
)

func mustLog(w io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(w, nil)) }

func TestWithoutATokenNothingIsDone(t *testing.T) {
	s := mustSite(t, graph.Config{})
	mutation := `{"query":"mutation{createAgentGroup(input:{name:\"mine\"}){agentGroup{id}}}"}`
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + adminToken, adminToken,
		"Bearer " + adminToken + "x", "Bearer " + adminToken[1:], "Bearer " + strings.Repeat("x", 2000)} {
		for _, request := range []struct{ method, path, body string }{
			{"POST", "/graphql", mutation}, {"GET", "/graphql?query={__typename}", ""}, {"OPTIONS", "/graphql", ""},
			{"POST", "/uploads", "file"}, {"GET", "/files/sess-1/inbox/m/a.txt", ""}, {"GET", "/metrics", ""}, {"GET", "/nothing", ""},
		} {
			r := s.do(request.method, request.path, strings.NewReader(request.body), "Content-Type: application/json", "Authorization: "+authorization)
			if r.status == http.StatusTooManyRequests && authorization != "" {
				r.want(t, http.StatusTooManyRequests, "RATE_LIMITED")
				continue
			}
			r.want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
			if !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("WWW-Authenticate is %q", r.header.Get("WWW-Authenticate"))
			}
		}
	}
	if r := s.post("{agentGroups{nodes{id}}}", nil); r.body != `{"data":{"agentGroups":{"nodes":[]}}}` {
		t.Errorf("something was done: %s", r.body)
	}
}

func TestGuessingTokensIsSlowedDownWithoutLockingOutTheRightOne(t *testing.T) {
	s := mustSite(t, graph.Config{})
	refused := 0
	// Twice ten and one: the window may end in between.
	for range 21 {
		if r := s.do("GET", "/metrics", nil, "Authorization: Bearer guess"); r.status == http.StatusTooManyRequests {
			r.want(t, http.StatusTooManyRequests, "RATE_LIMITED")
			if r.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			refused++
		}
	}
	if refused == 0 {
		t.Error("21 wrong tokens in a row and none was told to wait")
	}
	s.post("{__typename}", nil).want(t, http.StatusOK, "")
	s.do("GET", "/metrics", nil, "Authorization:").want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
}

func TestTheOpenPagesNeedNoToken(t *testing.T) {
	s := mustSite(t, graph.Config{})
	for _, path := range []string{"/", "/healthz", "/readyz"} {
		if r := s.do("GET", path, nil, "Authorization:"); r.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		if r := s.do("POST", path, nil, "Authorization:"); r.status != http.StatusMethodNotAllowed || r.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d, Allow %q", path, r.status, r.header.Get("Allow"))
		}
	}
}
