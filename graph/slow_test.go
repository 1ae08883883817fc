package graph_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/twinbox/twinbox/engine"
)

// A pipe has no buffer: what is not read holds up its writer at once.

// streams are requests for events without an end: plain ones, and a
// subscription's.
func streams(token string) map[string]string {
	const query = `{"query": "subscription { events(after: \"0\") { cursor messageId } }"}`
	head := " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\nAccept: text/event-stream\r\n"
	return map[string]string{
		"events":       "GET /events?after=0" + head + "\r\n",
		"subscription": "POST /graphql" + head + fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(query), query),
	}
}

// begin sends a request, and reads no more of its answer than that it is one.
func begin(t *testing.T, c net.Conn, request string) {
	t.Helper()
	_, err := io.WriteString(c, request)
	status := make([]byte, 15)
	if err == nil {
		_, err = io.ReadFull(c, status)
	}
	if err != nil || string(status) != "HTTP/1.1 200 OK" {
		t.Fatalf("%q, %v", status, err)
	}
}

func TestAStreamsReaderThatStallsIsCutOff(t *testing.T) {
	for name, request := range streams(adminToken) {
		t.Run(name, func(t *testing.T) {
			// More than fits between reading and writing, so that nothing waits for
			// the engine, for which the test's time stands still.
			host := mustHost(t)
			must(t)(host.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: new("ag"), Name: "Agents"}))
			s, _, err := host.ResolveSession(t.Context(), engine.ResolveSessionInput{AgentGroupID: "ag", Mode: engine.ModeAgentShared})
			must(t)(nil, err)
			for range 10 {
				must(t)(host.MarkContainer(t.Context(), s.ID, engine.ContainerRunning))
				must(t)(host.MarkContainer(t.Context(), s.ID, engine.ContainerStopped))
			}
			onPipeTo(t, host, func(t *testing.T, c net.Conn) {
				begin(t, c, request)
				if err := c.SetReadDeadline(time.Now().Add(10 * time.Minute)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Minute)
				if _, err := io.ReadAll(c); err != nil {
					t.Errorf("it goes on: %v", err)
				}
			})
		})
	}
}

func TestAStreamsReaderThatStallsHoldsUpNobody(t *testing.T) {
	w, s := mustChat(t)
	l := &pipeListener{make(chan net.Conn), make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = w.server.Config.Serve(l) })
	defer serving.Wait()
	defer w.server.Config.Close()
	for _, request := range streams(token) {
		stalls, ours := net.Pipe()
		defer stalls.Close()
		l.conns <- ours
		begin(t, stalls, request)
	}
	reads := w.stream(t, http.MethodPost, "/graphql", `{"query": "subscription { events(types: [MESSAGE_WRITTEN]) { messageId } }"}`)
	for i := range 100 {
		id := fmt.Sprint("m", i)
		w.mustWrite(t, s, id)
		if got := reads.next()["data"]; !strings.Contains(got, `"`+id+`"`) {
			t.Fatalf("instead of %s there is %s", id, got)
		}
	}
}

func TestASocketsReaderThatStallsIsCutOff(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn) {
		client := mustSocketOn(t, c)
		client.say(`{"type":"ping"}`)
		time.Sleep(2 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		for {
			if _, _, err := client.Read(ctx); err != nil {
				break
			}
		}
		if ctx.Err() != nil {
			t.Error("it goes on")
		}
	})
}

// Whoever has no token to show, and whoever has gone without a word.
func TestASocketThatIsSilentIsClosed(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn) {
		start := time.Now()
		client := mustDialOn(t, c)
		if code := client.end(); code != 4408 || time.Since(start) > time.Minute {
			t.Errorf("closed with %d after %v", code, time.Since(start))
		}
	})
}

func mustDialOn(t *testing.T, c net.Conn) *socketClient {
	t.Helper()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
	conn, _, err := websocket.Dial(t.Context(), "ws://localhost/graphql", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	return &socketClient{conn, t}
}

func mustSocketOn(t *testing.T, c net.Conn) *socketClient {
	t.Helper()
	client := mustDialOn(t, c)
	client.say(`{"type":"connection_init","payload":{"token":"` + adminToken + `"}}`)
	if m := client.hear(); m.Type != "connection_ack" {
		t.Fatalf("greeted with %+v", m)
	}
	return client
}
