package graph_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// socketClient speaks graphql-transport-ws.
type socketClient struct {
	*websocket.Conn
	t *testing.T
}

func (w *world) dial(t *testing.T, header http.Header, protocols ...string) (*socketClient, *http.Response, error) {
	t.Helper()
	c, response, err := websocket.Dial(t.Context(), w.server.URL+"/graphql", &websocket.DialOptions{HTTPHeader: header, Host: header.Get("Host"), Subprotocols: protocols})
	if err != nil {
		return nil, response, err
	}
	t.Cleanup(func() { c.CloseNow() })
	return &socketClient{c, t}, response, nil
}

// mustDial returns a socket that has said messages.
func (w *world) mustDial(t *testing.T, messages ...string) *socketClient {
	t.Helper()
	c, _, err := w.dial(t, nil, "graphql-transport-ws")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		c.say(m)
	}
	return c
}

const hello = `{"type":"connection_init","payload":{"Authorization":"Bearer ` + token + `"}}`

// mustSocket returns a socket that may subscribe.
func (w *world) mustSocket(t *testing.T) *socketClient {
	t.Helper()
	c := w.mustDial(t, hello)
	if m := c.hear(); m.Type != "connection_ack" {
		t.Fatalf("greeted with %+v", m)
	}
	return c
}

func (c *socketClient) say(message string) {
	c.t.Helper()
	if err := c.Write(c.t.Context(), websocket.MessageText, []byte(message)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *socketClient) subscribe(id, query string) {
	c.t.Helper()
	c.say(mustJSON(c.t, map[string]any{"type": "subscribe", "id": id, "payload": map[string]any{"query": query}}))
}

type socketMessage struct {
	Type, ID string
	Payload  json.RawMessage
}

func (c *socketClient) hear() (m socketMessage) {
	c.t.Helper()
	_, data, err := c.Read(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	mustDecode(c.t, data, &m)
	return m
}

// end is the code that the engine closes the socket with.
func (c *socketClient) end() websocket.StatusCode {
	c.t.Helper()
	for {
		_, _, err := c.Read(c.t.Context())
		if closed, ok := errors.AsType[websocket.CloseError](err); ok {
			return closed.Code
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

func TestSubscriptionOverAWebSocket(t *testing.T) {
	w, s := mustChat(t)
	w.mustWrite(t, s, "m1")
	c := w.mustSocket(t)
	c.subscribe("a", `subscription { events(after: "0", types: [MESSAGE_WRITTEN]) { messageId message { content } } }`)
	c.subscribe("b", `subscription { events(after: "0", types: [SESSION_CREATED]) { sessionId } }`)
	got := map[string]string{}
	for range 2 {
		m := c.hear()
		got[m.ID] = m.Type + string(m.Payload)
	}
	if got["a"] != `next{"data":{"events":{"messageId":"m1","message":{"content":"hello"}}}}` || got["b"] != `next{"data":{"events":{"sessionId":"`+s.ID+`"}}}` {
		t.Errorf("events are %v", got)
	}
	w.mustWrite(t, s, "m2")
	if m := c.hear(); m.ID != "a" || !strings.Contains(string(m.Payload), `"m2"`) {
		t.Errorf("and then %+v", m)
	}
	// An id is free as soon as its subscription is ended.
	c.say(`{"type":"complete","id":"a"}`)
	c.subscribe("a", `subscription { events(after: "0", types: [SESSION_CREATED]) { type } }`)
	if m := c.hear(); m.ID != "a" || !strings.Contains(string(m.Payload), "SESSION_CREATED") {
		t.Errorf("and then %+v", m)
	}
	c.say(`{"type":"ping"}`)
	if m := c.hear(); m.Type != "pong" {
		t.Errorf("ping is answered with %+v", m)
	}
}

func TestSocketsThatAreNotLetIn(t *testing.T) {
	w, _ := mustChat(t)
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"a foreign page":     {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		"no page":            {http.Header{"Origin": {"null"}}, http.StatusForbidden},
		"a foreign page's":   {http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		"a wrong token":      {http.Header{"Authorization": {"Bearer guess"}}, http.StatusUnauthorized},
		"a rebound name":     {http.Header{"Host": {"evil.example"}}, http.StatusMisdirectedRequest},
		"an empty token too": {http.Header{"Authorization": {""}}, http.StatusUnauthorized},
	} {
		_, response, err := w.dial(t, c.header, "graphql-transport-ws")
		if err == nil || response == nil || response.StatusCode != c.status {
			t.Errorf("%s: %v, %v", name, response, err)
		}
	}
	// One's own page and another program are.
	for name, header := range map[string]http.Header{"own page": {"Origin": {w.server.URL}}, "header": {"Authorization": {"Bearer " + token}}} {
		c, _, err := w.dial(t, header, "graphql-transport-ws")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "header" {
			c.say(`{"type":"connection_init"}`)
			if m := c.hear(); m.Type != "connection_ack" {
				t.Errorf("%s: %+v", name, m)
			}
		}
	}
	// What only says that it is a WebSocket gets no further for it.
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		r := w.open(t, method, "/graphql?query={agentGroup(id:%22support%22){name}}", `{"query":"{ agentGroup(id: \"support\") { name } }"}`, "Authorization", "", "Upgrade", "websocket")
		if r.StatusCode == http.StatusOK {
			t.Errorf("%s: %s", method, r.Status)
		}
	}
}

func TestSocketsAreClosedAsTheProtocolSays(t *testing.T) {
	w, _ := mustChat(t)
	long := strings.Repeat("i", 129)
	for name, c := range map[string]struct {
		messages []string
		code     websocket.StatusCode
	}{
		"wrong token":           {[]string{`{"type":"connection_init","payload":{"Authorization":"Bearer guess"}}`}, 4403},
		"no token":              {[]string{`{"type":"connection_init"}`}, 4403},
		"token of a wrong type": {[]string{`{"type":"connection_init","payload":{"token":5}}`}, 4403},
		"payload is no object":  {[]string{`{"type":"connection_init","payload":["Bearer"]}`}, 4403},
		"subscribed at once":    {[]string{`{"type":"subscribe","id":"a","payload":{"query":"subscription { events { cursor } }"}}`}, 4401},
		"greeted twice":         {[]string{hello, hello}, 4429},
		"no JSON":               {[]string{hello, `{"type":`}, 4400},
		"no object":             {[]string{hello, `["ping"]`}, 4400},
		"no such type":          {[]string{hello, `{"type":"connection_terminate"}`}, 4400},
		"type is no string":     {[]string{hello, `{"type":{}}`}, 4400},
		"no id":                 {[]string{hello, `{"type":"subscribe","payload":{"query":"subscription { events { cursor } }"}}`}, 4400},
		"long id":               {[]string{hello, `{"type":"subscribe","id":"` + long + `","payload":{"query":"subscription { events { cursor } }"}}`}, 4400},
		"no payload":            {[]string{hello, `{"type":"subscribe","id":"a"}`}, 4400},
		"taken id": {[]string{hello, `{"type":"subscribe","id":"a","payload":{"query":"subscription { events { cursor } }"}}`,
			`{"type":"subscribe","id":"a","payload":{"query":"subscription { events { cursor } }"}}`}, 4409},
		"large message": {[]string{hello, `{"type":"ping","payload":"` + strings.Repeat("x", 64<<10) + `"}`}, websocket.StatusMessageTooBig},
	} {
		if code := w.mustDial(t, c.messages...).end(); code != c.code {
			t.Errorf("%s: closed with %d, not %d", name, code, c.code)
		}
	}
	c, _, err := w.dial(t, nil, "graphql-ws")
	if err != nil {
		t.Fatal(err)
	}
	if code := c.end(); code != 4406 {
		t.Errorf("another protocol: closed with %d", code)
	}
	c = w.mustDial(t)
	if err := c.Write(t.Context(), websocket.MessageBinary, []byte(hello)); err != nil {
		t.Fatal(err)
	}
	if code := c.end(); code != 4400 {
		t.Errorf("binary: closed with %d", code)
	}
}

func TestSubscriptionsThatFailLeaveTheSocketOpen(t *testing.T) {
	w, _ := mustChat(t)
	c := w.mustSocket(t)
	for name, tc := range map[string]struct{ query, code string }{
		"invalid":   {"subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"},
		"empty":     {"", "BAD_REQUEST"},
		"cursor":    {`subscription { events(after: "x") { cursor } }`, "INVALID_INPUT"},
		"query":     {`{ agentGroup(id: "support") { name } }`, "BAD_REQUEST"},
		"mutation":  {`mutation { createAgentGroup(input: {name: "x"}) { agentGroup { id } } }`, "BAD_REQUEST"},
		"too large": {`subscription { events { session { messages(first: 100) { nodes { content } } } } }`, "LIMIT_EXCEEDED"},
	} {
		c.subscribe(name, tc.query)
		var errs []struct{ Extensions struct{ Code string } }
		m := c.hear()
		mustDecode(t, m.Payload, &errs)
		if m.Type != "error" || m.ID != name || len(errs) == 0 || errs[0].Extensions.Code != tc.code {
			t.Errorf("%s: %s %s %s", name, m.Type, m.ID, m.Payload)
		}
	}
	if got := string(w.query(t, `{ agentGroups { nodes { name } } }`, nil)); strings.Contains(got, `"x"`) {
		t.Errorf("a socket changed something: %s", got)
	}
}

func TestSubscriptionsOfOneSocketAreCapped(t *testing.T) {
	w, s := mustChat(t)
	c := w.mustSocket(t)
	const most = 64
	for i := range most + 10 {
		c.subscribe(fmt.Sprint(i), `subscription { events(types: [MESSAGE_WRITTEN]) { cursor } }`)
	}
	for range 10 {
		if m := c.hear(); m.Type != "error" || !strings.Contains(string(m.Payload), "RATE_LIMITED") {
			t.Fatalf("beyond the cap: %+v", m)
		}
	}
	// Its fellows count too, as do other streams.
	w.serve(t, 2)
	c, other := w.mustSocket(t), w.mustSocket(t)
	for i, c := range []*socketClient{c, other, other} {
		c.subscribe(fmt.Sprint(i), `subscription { events(after: "0") { cursor } }`)
		if m := c.hear(); (m.Type == "error") != (i == 2) {
			t.Errorf("subscription %d of 2: %+v", i, m)
		}
	}
	w.mustWrite(t, s, "m1")
}

// A socket without a token costs a place that others without one might want,
// and takes none from those who have one.
func TestSocketsWithoutATokenAreCappedApart(t *testing.T) {
	w, _ := mustChat(t)
	for range 64 {
		w.mustDial(t)
	}
	if _, response, err := w.dial(t, nil, "graphql-transport-ws"); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one more: %v, %v", response, err)
	}
	if _, _, err := w.dial(t, http.Header{"Authorization": {"Bearer " + token}}, "graphql-transport-ws"); err != nil {
		t.Errorf("with a token: %v", err)
	}
}

func TestSocketsWithATokenAreCapped(t *testing.T) {
	w, _ := mustChat(t)
	header := http.Header{"Authorization": {"Bearer " + token}}
	for range 256 {
		if _, _, err := w.dial(t, header, "graphql-transport-ws"); err != nil {
			t.Fatal(err)
		}
	}
	if _, response, err := w.dial(t, header, "graphql-transport-ws"); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one more: %v, %v", response, err)
	}
	// Nor one that shows its token later.
	if code := w.mustDial(t, hello).end(); code != websocket.StatusTryAgainLater {
		t.Errorf("one more by connection_init: closed with %d", code)
	}
	if got := string(w.query(t, `{ agentGroup(id: "support") { name } }`, nil)); !strings.Contains(got, "Support") {
		t.Errorf("a query meanwhile: %s", got)
	}
}

func TestSocketsAreClosedWithTheHandler(t *testing.T) {
	w, _ := mustChat(t)
	c := w.mustSocket(t)
	c.subscribe("a", `subscription { events(after: "0") { type } }`)
	c.hear()
	closed := make(chan websocket.StatusCode)
	go func() { closed <- c.end() }()
	w.handler.Close()
	if code := <-closed; code != websocket.StatusGoingAway {
		t.Errorf("closed with %d", code)
	}
}

func TestASocketThatGoesEndsItsSubscriptions(t *testing.T) {
	w, _ := mustChat(t)
	w.serve(t, 1)
	for range 5 { // else there is no place for the next
		c := w.mustSocket(t)
		// Each has an id of its own: that of one that was refused is free a moment later.
		for try, refused := 0, true; refused; try++ {
			c.subscribe(fmt.Sprint(try), `subscription { events(after: "0") { type } }`)
			refused = c.hear().Type == "error"
		}
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
	}
}
