package graph_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph"
)

// One operation is one request on one of 64 connections, client included.
func BenchmarkSessionByID(b *testing.B) {
	s := mustSite(b, graph.Config{})
	g, err := s.host.CreateAgentGroup(b.Context(), engine.CreateAgentGroupInput{Name: "Helpdesk"})
	if err != nil {
		b.Fatal(err)
	}
	session, _, err := s.host.ResolveSession(b.Context(), engine.ResolveSessionInput{AgentGroupID: g.ID, Mode: engine.ModeAgentShared})
	if err != nil {
		b.Fatal(err)
	}
	body := `{"query":"query($id:ID!){session(id:$id){id status containerStatus createdAt}}","variables":{"id":"` + session.ID + `"}}`
	request := fmt.Appendf(nil, "POST /graphql HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		s.addr, adminToken, len(body), body)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		in := bufio.NewReader(c)
		var answer bytes.Buffer
		for p.Next() {
			if _, err := c.Write(request); err != nil {
				b.Error(err)
				return
			}
			response, err := http.ReadResponse(in, nil)
			if err != nil {
				b.Error(err)
				return
			}
			answer.Reset()
			_, _ = answer.ReadFrom(response.Body)
			if !strings.Contains(answer.String(), `"status":"ACTIVE"`) {
				b.Errorf("%d %s", response.StatusCode, answer.String())
				return
			}
		}
	})
}
