package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/delivery"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func newWebhooks(t *testing.T, o delivery.Options) *delivery.Webhooks {
	t.Helper()
	o.Now = func() time.Time { return noon }
	w := delivery.New(o)
	t.Cleanup(w.Close)
	return w
}

func parcel() engine.Parcel {
	text := func(s string) *string { return &s }
	return engine.Parcel{DeliveryID: "d1", Attempt: 2, PossibleRepeat: true,
		Reply: engine.Reply{SessionID: "sess-1", ID: "r1", Kind: "chat", Seq: new(int64(3)), Timestamp: &noon, InReplyTo: text("m1"),
			Route: engine.Route{ChannelType: text("telegram"), PlatformID: text("42")}, Content: `{"text":"<hi>"}`},
		Files: []engine.ParcelFile{{Name: "a.txt", Size: 3, Data: []byte("abc")}, {Name: "b.bin", Size: 5 << 20, URL: "/files/x"}}}
}

func TestARequestIsTheReplyAsJSONAndSigned(t *testing.T) {
	var body []byte
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header = r.Header
		io.WriteString(w, `{"platformMessageId": "tg-7"}`)
	}))
	defer server.Close()
	w := newWebhooks(t, delivery.Options{AllowPrivate: true, BaseURL: "https://engine.example/"})
	const secret = "0123456789abcdef"
	receipt, err := w.Send(t.Context(), engine.Webhook{URL: server.URL, Secret: secret}, parcel())
	if err != nil || receipt.PlatformMessageID == nil || *receipt.PlatformMessageID != "tg-7" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	const want = `{"deliveryId":"d1","attempt":2,"possibleRepeat":true,"sessionId":"sess-1",` +
		`"reply":{"id":"r1","seq":3,"kind":"chat","timestamp":"2026-01-31T12:00:00.000Z","inReplyTo":"m1","channelType":"telegram","platformId":"42","threadId":null,` +
		`"content":{"text":"\u003chi\u003e"}},"files":[{"name":"a.txt","size":3,"mimeType":null,"data":"YWJj"},` +
		`{"name":"b.bin","size":5242880,"mimeType":null,"url":"https://engine.example/files/x"}]}`
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	if header.Get("Twinbox-Delivery") != "d1" || header.Get("Twinbox-Timestamp") != "1769860800" ||
		header.Get("Twinbox-Signature") != "v1="+delivery.Signature(secret, "1769860800", body) {
		t.Errorf("headers %v", header)
	}
}

// A receiver that anybody can write: an HMAC of another make must agree.
func TestTheSignatureIsThatOfTheDocumentation(t *testing.T) {
	// printf '%s' '1769860800.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
	const want = "c9ba106a6876dce8b4d39d8fbf62d22d19b0e2c3d3293bcde38eb2959ab9805d"
	if got := delivery.Signature("0123456789abcdef", "1769860800", []byte(`{"a":1}`)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAContentThatIsNoJSONIsAString(t *testing.T) {
	for content, want := range map[string]string{`[1]`: `[1]`, ` {"a": 1}`: `{"a":1}`, `5`: `"5"`, `{"a":`: `"{\"a\":"`, "": `""`, "a\xff": "\"a\ufffd\""} {
		var got struct {
			Reply struct{ Content json.RawMessage }
		}
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
				t.Errorf("what is sent for %q: %v", content, err)
			}
		}))
		p := parcel()
		p.Reply.Content = content
		_, err := newWebhooks(t, delivery.Options{AllowPrivate: true}).Send(t.Context(), engine.Webhook{URL: server.URL}, p)
		server.Close()
		var value any
		if err != nil || json.Unmarshal(got.Reply.Content, &value) != nil || !equal(t, value, want) {
			t.Errorf("%q is sent as %s, want %s: %v", content, got.Reply.Content, want, err)
		}
	}
}

func equal(t *testing.T, value any, want string) bool {
	t.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(value)
	b, _ := json.Marshal(w)
	return string(a) == string(b)
}

func TestAnswersAreToldApart(t *testing.T) {
	var hits atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer elsewhere.Close()
	answer := func(status int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
		}
	}
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	released := make(chan struct{})
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else it does not see that the client has gone
		select {
		case <-released:
		case <-r.Context().Done():
		}
	}
	defer close(released)
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    engine.SendError
	}{
		{"500", answer(500), engine.SendError{}},
		{"503 with seconds", answer(503, "Retry-After", "120"), engine.SendError{RetryAfter: 2 * time.Minute}},
		{"429 with a date", answer(429, "Retry-After", "Sat, 31 Jan 2026 12:01:00 GMT"), engine.SendError{RetryAfter: time.Minute}},
		{"429 with a past date", answer(429, "Retry-After", "Sat, 31 Jan 2026 11:01:00 GMT"), engine.SendError{}},
		{"429 with nonsense", answer(429, "Retry-After", "-9999999999999999999"), engine.SendError{}},
		{"408", answer(408), engine.SendError{}},
		{"425", answer(425), engine.SendError{}},
		{"400", answer(400), engine.SendError{Permanent: true}},
		{"410", answer(410), engine.SendError{Permanent: true}},
		{"redirect", answer(302, "Location", elsewhere.URL), engine.SendError{}},
		{"redirect that keeps the method", answer(307, "Location", elsewhere.URL), engine.SendError{}},
		{"reset", abort, engine.SendError{Uncertain: true}},
		{"hang", hang, engine.SendError{Uncertain: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			o := delivery.Options{AllowPrivate: true}
			if c.name == "hang" {
				o.Deadline = 50 * time.Millisecond
			}
			_, err := newWebhooks(t, o).Send(t.Context(), engine.Webhook{URL: server.URL}, parcel())
			got, ok := errors.AsType[*engine.SendError](err)
			if !ok || got.Reason == "" {
				t.Fatalf("got %v", err)
			}
			got.Reason = ""
			if *got != c.want {
				t.Errorf("got %+v, want %+v", *got, c.want)
			}
		})
	}
	if hits.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// Before there is TLS nothing is sent, so nothing can come twice.
func TestAReceiverWithoutTLSThatWorksGetsNothing(t *testing.T) {
	var hits atomic.Int64
	count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	for name, c := range map[string]struct {
		start func(*httptest.Server)
		says  string
	}{
		"nobody trusts its certificate": {(*httptest.Server).StartTLS, "certificate"},
		"no TLS":                        {(*httptest.Server).Start, "HTTPS"},
		"it hangs up": {func(s *httptest.Server) {
			s.Listener = &hangUp{s.Listener}
			s.Start()
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(count)
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			c.start(server)
			defer server.Close()
			_, err := newWebhooks(t, delivery.Options{AllowPrivate: true}).Send(t.Context(), engine.Webhook{URL: "https://" + server.Listener.Addr().String()}, parcel())
			got, ok := errors.AsType[*engine.SendError](err)
			if !ok || got.Permanent || got.Uncertain || !strings.Contains(got.Reason, c.says) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if hits.Load() > 0 {
		t.Error("it was sent to")
	}
}

// hangUp closes each connection as soon as something comes over it.
type hangUp struct{ net.Listener }

func (l *hangUp) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		_, _ = c.Read(make([]byte, 1))
		_ = c.Close()
	}
}

func TestLittleIsReadOfAGigabyte(t *testing.T) {
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 64<<10))
		for range 1 << 14 {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	defer server.Close()
	receipt, err := newWebhooks(t, delivery.Options{AllowPrivate: true}).Send(t.Context(), engine.Webhook{URL: server.URL}, parcel())
	if err != nil || receipt.PlatformMessageID != nil {
		t.Errorf("%+v, %v", receipt, err)
	}
	server.CloseClientConnections()
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("%d bytes were taken of the answer", n)
	}
}

func TestPrivateAddressesAreRefusedWhenTheyAreDialled(t *testing.T) {
	var hits atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w := newWebhooks(t, delivery.Options{})
	// A name, and the many ways to write an address.
	for _, host := range []string{"localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
		"[64:ff9b::7f00:1]", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "[fe80::1]", "[fd00::1]"} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := w.Send(ctx, engine.Webhook{URL: "http://" + host + ":" + port}, parcel())
		cancel()
		if e, ok := errors.AsType[*engine.SendError](err); !ok || e.Uncertain {
			t.Errorf("%s: %v", host, err)
		}
	}
	if hits.Load() > 0 {
		t.Error("a private address was sent to")
	}
}
