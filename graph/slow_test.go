package graph_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A pipe has no buffer: what is not read holds up its writer at once.

func TestAStreamsReaderThatStallsIsCutOff(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn) {
		if _, err := fmt.Fprintf(c, "GET /events?after=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", adminToken); err != nil {
			t.Fatal(err)
		}
		status := make([]byte, 15)
		if _, err := io.ReadFull(c, status); err != nil || string(status) != "HTTP/1.1 200 OK" {
			t.Fatalf("%q, %v", status, err)
		}
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Minute)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("it goes on: %v", err)
		}
	})
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
