package graph_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/graph"
)

func TestTheFrontPageOfAnEngineWithoutItsConsoleSaysHowToBuildIt(t *testing.T) {
	s := mustSite(t, graph.Config{Version: "v1.2.3", DataDir: `/srv/"><script>`, Hosts: []string{"engine.example"}})
	r := s.do("GET", "/", nil, "Authorization:")
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v", r.status, r.header)
	}
	for _, want := range []string{"v1.2.3", "<code>make build</code>", "curl " + s.url + "/graphql", "/admin-token", `href="/healthz"`} {
		if !strings.Contains(r.body, want) {
			t.Errorf("%q is missing in %s", want, r.body)
		}
	}
	if strings.Contains(r.body, "<script") || strings.Contains(r.body, adminToken) {
		t.Errorf("a script or the token: %s", r.body)
	}
	if policy := r.header.Get("Content-Security-Policy"); !strings.Contains(policy, "style-src 'sha256-") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if r := s.do("GET", "/", nil, "Host: engine.example"); !strings.Contains(r.body, "curl http://engine.example/graphql") {
		t.Errorf("does not name itself as it was called: %s", r.body)
	}
}

func TestReadinessIsWhetherTheRegistryCanBeRead(t *testing.T) {
	host, err := twinbox.Open(t.Context(), t.TempDir(), twinbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := mustSiteOf(t, host, graph.Config{})
	if r := s.do("GET", "/readyz", nil); r.status != http.StatusOK || r.body != "ready\n" {
		t.Errorf("%d %q", r.status, r.body)
	}
	if err := s.host.Close(); err != nil {
		t.Fatal(err)
	}
	if r := s.do("GET", "/readyz", nil); r.status != http.StatusServiceUnavailable || !strings.HasPrefix(r.body, "not ready: ") {
		t.Errorf("%d %q", r.status, r.body)
	}
	if r := s.do("GET", "/healthz", nil); r.status != http.StatusOK || r.body != "ok\n" {
		t.Errorf("%d %q", r.status, r.body)
	}
}

func TestMetricsCountRoutesAndOperations(t *testing.T) {
	s := mustSite(t, graph.Config{})
	s.post("query Secret{__typename}", nil)
	s.post("{nothing}", nil)
	s.post(`mutation{createAgentGroup(input:{name:"x"}){agentGroup{id}}}`, nil)
	s.do("GET", "/secret/path", nil)
	s.do("BREW", "/graphql", nil)
	body := s.do("GET", "/metrics", nil).body
	for _, want := range []string{
		`twinbox_graphql_operations_total{code="OK",type="query"} 1`,
		`twinbox_graphql_operations_total{code="GRAPHQL_VALIDATION_FAILED",type="unknown"} 1`,
		`twinbox_graphql_operations_total{code="OK",type="mutation"} 1`,
		`twinbox_http_requests_total{code="200",route="graphql"} 3`,
		`twinbox_http_requests_total{code="405",route="graphql"} 1`,
		`twinbox_http_requests_total{code="404",route="none"} 1`,
		`twinbox_http_request_duration_seconds_count{route="graphql"} 4`,
		"twinbox_http_body_bytes_in_flight 0", "go_goroutines ",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(strings.ToLower(body), "secret") || strings.Contains(body, "BREW") {
		t.Error("a client's word is in the metrics")
	}
}
