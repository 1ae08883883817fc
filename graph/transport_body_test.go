package graph_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/graph"
)

func padded(size int) string {
	const start, end = `{"query":"{__typename}","extensions":{"x":"`, `"}}`
	return start + strings.Repeat("x", size-len(start)-len(end)) + end
}

func TestABodyOverTheLimitIsRefused(t *testing.T) {
	s := mustSite(t, graph.Config{BodyBytes: 100_000})
	for name, wrap := range map[string]func(string) io.Reader{
		"with a length":    func(b string) io.Reader { return strings.NewReader(b) },
		"without a length": func(b string) io.Reader { return io.MultiReader(strings.NewReader(b)) },
	} {
		for size, status := range map[int]int{100_000: http.StatusOK, 100_001: http.StatusRequestEntityTooLarge, 150_000: http.StatusRequestEntityTooLarge} {
			if r := s.do("POST", "/graphql", wrap(padded(size)), "Content-Type: application/json"); r.status != status || (status == 413) != (r.code(t) == "LIMIT_EXCEEDED") {
				t.Errorf("%s, %d bytes: %d %s", name, size, r.status, r.body)
			}
		}
	}
}

// half is a connection on which a request was begun and not finished.
type half struct {
	net.Conn
	in *bufio.Reader
}

func (s *site) begin(size int, body string) *half {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	head := fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", s.addr, adminToken, size)
	go func() {
		// Fails where the engine does not want all of it.
		_, _ = io.WriteString(c, head+body)
	}()
	return &half{c, bufio.NewReader(c)}
}

func (h *half) read(t *testing.T) reply {
	t.Helper()
	response, err := http.ReadResponse(h.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(b)}
}

// 64 clients send all of a large body but its last byte, and hold it there.
func TestManyLargeBodiesAtOnceStayWithinTheBudget(t *testing.T) {
	const clients, size, limit = 64, 256 << 10, 1 << 20
	s := mustSite(t, graph.Config{BodyBytes: size, InFlightBytes: limit})
	body := padded(size)
	answers := make(chan reply, clients)
	var reading sync.WaitGroup
	// Runs after the connections were closed.
	t.Cleanup(reading.Wait)
	for range clients {
		h := s.begin(size, body[:size-1])
		reading.Go(func() {
			response, err := http.ReadResponse(h.in, nil)
			if err != nil {
				answers <- reply{}
				return
			}
			defer response.Body.Close()
			b, _ := io.ReadAll(response.Body)
			answers <- reply{response.StatusCode, response.Header, string(b)}
		})
	}
	// Each would take twice its body: two at most fit.
	for range clients - 2 {
		r := <-answers
		r.want(t, http.StatusServiceUnavailable, "UNAVAILABLE")
		if r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		if used := s.inFlight(); used > limit {
			t.Errorf("%d bytes in flight", used)
		}
	}
}

func (s *site) inFlight() (n int) {
	s.t.Helper()
	for line := range strings.Lines(s.do("GET", "/metrics", nil).body) {
		if v, ok := strings.CutPrefix(line, "twinbox_http_body_bytes_in_flight "); ok {
			var f float64
			if _, err := fmt.Sscan(v, &f); err != nil {
				s.t.Fatal(err)
			}
			return int(f)
		}
	}
	s.t.Fatal("no metric of bytes in flight")
	return 0
}

func TestTheBudgetIsGivenBack(t *testing.T) {
	const size = 256 << 10
	s := mustSite(t, graph.Config{BodyBytes: size, InFlightBytes: 2 * size})
	body := padded(size)
	held := s.begin(size, body[:size-1])
	for s.inFlight() < 2*size {
		if t.Context().Err() != nil {
			t.Fatal("the body was never taken in")
		}
	}
	s.do("POST", "/graphql", strings.NewReader(body), "Content-Type: application/json").want(t, http.StatusServiceUnavailable, "UNAVAILABLE")
	if _, err := io.WriteString(held, body[size-1:]); err != nil {
		t.Fatal(err)
	}
	held.read(t).want(t, http.StatusOK, "")
	for range 10 {
		s.do("POST", "/graphql", strings.NewReader(body), "Content-Type: application/json").want(t, http.StatusOK, "")
	}
	if n := s.inFlight(); n != 0 {
		t.Errorf("%d bytes are still in flight", n)
	}
}

// A length alone reserves nothing.
func TestAnnouncedBodiesDoNotTakeTheBudget(t *testing.T) {
	const size = 1 << 20
	s := mustSite(t, graph.Config{BodyBytes: size, InFlightBytes: 2 * size})
	for range 64 {
		s.begin(size, `{"query":`)
	}
	for range 10 {
		s.do("POST", "/graphql", strings.NewReader(padded(500_000)), "Content-Type: application/json").want(t, http.StatusOK, "")
	}
}

func TestABodyThatEndsEarlyIsNotServed(t *testing.T) {
	s := mustSite(t, graph.Config{})
	h := s.begin(1000, `{"query":"{__typename}"}`)
	if _, err := h.in.Peek(0); err != nil {
		t.Fatal(err)
	}
	for s.inFlight() == 0 {
		if t.Context().Err() != nil {
			t.Fatal("the body was never taken in")
		}
	}
	if err := h.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	h.read(t).want(t, http.StatusBadRequest, "BAD_REQUEST")
}

// pipeListener hands out one end of each pipe, so that a server can run on a
// clock of the test's.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// onPipe runs f with a connection to a handler, where no time passes but that
// which everybody waits for.
func onPipe(t *testing.T, f func(t *testing.T, c net.Conn)) {
	onPipeTo(t, mustHost(t), f)
}

// onPipeTo is onPipe to a host that was made before.
func onPipeTo(t *testing.T, host *twinbox.Host, f func(t *testing.T, c net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		h, err := graph.NewHandler(host.Engine, graph.Config{Token: adminToken})
		if err != nil {
			t.Fatal(err)
		}
		l := &pipeListener{make(chan net.Conn), make(chan struct{})}
		server := graph.NewServer(h, nil)
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		client, ours := net.Pipe()
		l.conns <- ours
		f(t, client)
		client.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
		// Connections that end wait a little for their client.
		time.Sleep(time.Minute)
	})
}

func TestASenderThatStallsIsGivenUp(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn) {
		start := time.Now()
		if _, err := fmt.Fprintf(c, "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", adminToken); err != nil {
			t.Fatal(err)
		}
		(&half{c, bufio.NewReader(c)}).read(t).want(t, http.StatusRequestTimeout, "BAD_REQUEST")
		if took := time.Since(start); took > time.Minute {
			t.Errorf("given up after %v", took)
		}
	})
}

// One byte a second never stalls, and never ends.
func TestASenderThatDripsIsGivenUp(t *testing.T) {
	for _, path := range []string{"/graphql", "/uploads"} {
		onPipe(t, func(t *testing.T, c net.Conn) {
			start := time.Now()
			if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n", path, adminToken); err != nil {
				t.Fatal(err)
			}
			go func() {
				for {
					time.Sleep(time.Second)
					if _, err := c.Write([]byte("{")); err != nil {
						return
					}
				}
			}()
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if took := time.Since(start); took > 2*time.Minute {
				t.Errorf("%s: given up after %v", path, took)
			}
		})
	}
}

// Not even one that is refused before its body is read.
func TestARefusedSenderThatStallsIsAnsweredAtOnce(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn) {
		start := time.Now()
		if _, err := io.WriteString(c, "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(c)
		(&half{c, in}).read(t).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
		if took := time.Since(start); took > time.Second {
			t.Errorf("answered after %v", took)
		}
		if _, err := io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("connection closed after %v", took)
		}
	})
}

func TestAReaderThatStallsIsGivenUp(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn) {
		start := time.Now()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		// A pipe has no buffer: the server's write waits for us.
		time.Sleep(2 * time.Minute)
		if _, err := io.ReadAll(c); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 3*time.Minute {
			t.Errorf("given up after %v", took)
		}
	})
}

func TestAHeaderThatStallsIsGivenUp(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn) {
		start := time.Now()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: loc"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(c); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("given up after %v", took)
		}
	})
}
