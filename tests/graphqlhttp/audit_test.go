// Package graphqlhttp_test runs a public suite for the specification of
// GraphQL over HTTP against the real handler.
package graphqlhttp_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/graph"
)

const token = "audit-token-0123456789"

func TestEveryAuditOfGraphQLOverHTTPPasses(t *testing.T) {
	for _, tool := range []string{"npm", "node"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: the graphql-http audits need Node.js 18 or later", tool)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), "node", "audit.mjs")
	cmd.Env = append(os.Environ(), "URL="+serve(t)+"/graphql", "TOKEN="+token, "EXPECTED=61")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// serve starts an engine over HTTP, stops it when the test ends, and returns
// its URL.
func serve(t *testing.T) string {
	t.Helper()
	host, err := twinbox.Open(t.Context(), t.TempDir(), twinbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := graph.NewHandler(host.Engine, graph.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	server := graph.NewServer(handler, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != http.ErrServerClosed {
			t.Error(err)
		}
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}
