package graph_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph"
)

// halves are a sign-in: the cookie as a request has it, and the page's key.
type halves struct{ cookie, key string }

func (h halves) fields() []string {
	return []string{"Authorization:", "Cookie: " + h.cookie, "X-Console-Key: " + h.key}
}

func (s *site) signIn(secret map[string]string, fields ...string) reply {
	s.t.Helper()
	body, err := json.Marshal(secret)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do("POST", "/sign-in", bytes.NewReader(body), append([]string{"Authorization:", "Content-Type: application/json"}, fields...)...)
}

func (r reply) halves(t *testing.T) halves {
	t.Helper()
	var got struct{ Key string }
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != http.StatusOK || got.Key == "" {
		t.Fatalf("sign in: %d %s", r.status, r.body)
	}
	cookie, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	return halves{cookie.Name + "=" + cookie.Value, got.Key}
}

// mustSignIn signs in by the token.
func (s *site) mustSignIn() halves {
	s.t.Helper()
	return s.signIn(map[string]string{"token": adminToken}).halves(s.t.(*testing.T))
}

func (s *site) mustCode() string {
	s.t.Helper()
	var got struct {
		Code      string
		ExpiresAt time.Time
	}
	r := s.do("POST", "/sign-in/codes", nil)
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != http.StatusOK || len(got.Code) != 26 || got.ExpiresAt.IsZero() {
		s.t.Fatalf("make a code: %d %s", r.status, r.body)
	}
	return got.Code
}

// clock is a time that a test moves.
type clock struct{ now time.Time }

func newClock() *clock                { return &clock{time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)} }
func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

func mustSiteAt(t *testing.T, c *clock) *site {
	return mustSite(t, graph.Config{Console: bundle(t), Now: func() time.Time { return c.now }})
}

func TestACodeSignsInOnce(t *testing.T) {
	s := mustConsole(t)
	code := s.mustCode()
	h := s.signIn(map[string]string{"code": code}).halves(t)
	s.post("{__typename}", nil, h.fields()...).want(t, http.StatusOK, "")
	s.signIn(map[string]string{"code": code}).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
}

func TestACodeSignsInOnceWhoeverIsFirst(t *testing.T) {
	s := mustConsole(t)
	code, answers := s.mustCode(), make(chan int)
	const tries = 8
	for range tries {
		go func() { answers <- s.signIn(map[string]string{"code": code}).status }()
	}
	signedIn := 0
	for range tries {
		if <-answers == http.StatusOK {
			signedIn++
		}
	}
	if signedIn != 1 {
		t.Errorf("%d sign-ins", signedIn)
	}
}

func TestACodeExpiresAfterAQuarterOfAnHour(t *testing.T) {
	c := newClock()
	s := mustSiteAt(t, c)
	early, late := s.mustCode(), s.mustCode()
	c.pass(15*time.Minute - time.Second)
	s.signIn(map[string]string{"code": early}).halves(t)
	c.pass(time.Second)
	s.signIn(map[string]string{"code": late}).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
}

func TestOnlyTheNewestCodesAreKept(t *testing.T) {
	c := newClock()
	s := mustSiteAt(t, c)
	first := s.mustCode()
	c.pass(time.Second)
	second := s.mustCode()
	for range 63 {
		c.pass(time.Second)
		s.mustCode()
	}
	s.signIn(map[string]string{"code": first}).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	s.signIn(map[string]string{"code": second}).halves(t)
}

func TestOnlyTheTokenMakesCodes(t *testing.T) {
	s := mustConsole(t)
	s.do("POST", "/sign-in/codes", nil, "Authorization:").want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	s.do("POST", "/sign-in/codes", nil, "Authorization: Bearer guess").want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	s.do("POST", "/sign-in/codes", nil, s.mustSignIn().fields()...).want(t, http.StatusForbidden, "FORBIDDEN")
	s.do("GET", "/sign-in/codes", nil).want(t, http.StatusMethodNotAllowed, "BAD_REQUEST")
}

func TestWrongTokensAndCodesCountAsGuessesAndLockNobodyOut(t *testing.T) {
	s := mustConsole(t)
	h, refused := s.mustSignIn(), 0
	// Twice ten and one: the window may end in between.
	for i := range 21 {
		secret := map[string]string{"token": "guess"}
		if i%2 == 0 {
			secret = map[string]string{"code": "guess"}
		}
		if r := s.signIn(secret); r.status == http.StatusTooManyRequests {
			r.want(t, http.StatusTooManyRequests, "RATE_LIMITED")
			refused++
		} else {
			r.want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
		}
	}
	if refused == 0 {
		t.Error("one may guess for ever")
	}
	s.signIn(map[string]string{"code": s.mustCode()}).halves(t)
	s.mustSignIn()
	s.post("{__typename}", nil, h.fields()...).want(t, http.StatusOK, "")
}

func TestASignInThatCannotBeReadIsRefused(t *testing.T) {
	s := mustConsole(t)
	token := `{"token":"` + adminToken + `"}`
	for name, r := range map[string]reply{
		"nothing":     s.signIn(nil),
		"both":        s.signIn(map[string]string{"token": adminToken, "code": "x"}),
		"a form":      s.do("POST", "/sign-in", strings.NewReader("token="+adminToken), "Content-Type: application/x-www-form-urlencoded"),
		"a form's":    s.do("POST", "/sign-in", strings.NewReader(token), "Content-Type: text/plain"),
		"no JSON":     s.do("POST", "/sign-in", strings.NewReader(token[1:]), "Content-Type: application/json"),
		"a long one":  s.do("POST", "/sign-in", strings.NewReader(token+strings.Repeat(" ", 4<<10)), "Content-Type: application/json"),
		"not of text": s.do("POST", "/sign-in", strings.NewReader(`{"token":1}`), "Content-Type: application/json"),
	} {
		if r.status != http.StatusBadRequest || r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	for _, path := range []string{"/sign-in", "/sign-out"} {
		s.do("GET", path, nil).want(t, http.StatusMethodNotAllowed, "BAD_REQUEST")
	}
}

func TestTheCookieIsOutOfReachOfScriptsAndOtherSites(t *testing.T) {
	s := mustConsole(t)
	_, port, _ := strings.Cut(s.addr, ":")
	for _, tc := range []struct {
		name, host, origin string
		secure             bool
	}{
		{"twinbox-" + port, s.addr, s.url, false},
		{"twinbox-" + port, s.addr, "https://" + s.addr, true}, // TLS ends at a proxy
		{"twinbox", "localhost", "https://localhost", true},
	} {
		r := s.signIn(map[string]string{"token": adminToken}, "Host: "+tc.host, "Origin: "+tc.origin)
		c, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != tc.name || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != tc.secure || c.Path != "/" || c.Domain != "" || c.MaxAge != 7*24*60*60 {
			t.Errorf("%s: %+v", tc.origin, c)
		}
		if strings.Contains(r.header.Get("Set-Cookie"), r.halves(t).key) || strings.Contains(r.body, c.Value) {
			t.Error("one half has the other")
		}
	}
	out := s.do("POST", "/sign-out", nil, "Authorization:")
	c, err := http.ParseSetCookie(out.header.Get("Set-Cookie"))
	if err != nil || out.status != http.StatusNoContent || c.Name != "twinbox-"+port || c.Value != "" || c.MaxAge != -1 {
		t.Errorf("signed out by %d %+v %v", out.status, c, err)
	}
}

func TestTheCookieOfAnEngineThatServesTLSIsSecure(t *testing.T) {
	h, err := graph.NewHandler(mustHost(t).Engine, graph.Config{Token: adminToken, Console: bundle(t)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	r, err := server.Client().Post(server.URL+"/sign-in", "application/json", strings.NewReader(`{"token":"`+adminToken+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if c := r.Cookies(); len(c) != 1 || !c[0].Secure {
		t.Errorf("cookies: %v", c)
	}
}

// refused are what is no sign-in.
func refused(t *testing.T, s *site) map[string]halves {
	a, b := s.mustSignIn(), s.mustSignIn()
	altered := func(s string, at int) string {
		other := byte('A')
		if s[at] == other {
			other = 'B'
		}
		return s[:at] + string(other) + s[at+1:]
	}
	_, value, _ := strings.Cut(a.cookie, "=")
	return map[string]halves{
		"nothing":                  {},
		"a cookie alone":           {cookie: a.cookie},
		"a key alone":              {key: a.key},
		"halves of two":            {a.cookie, b.key},
		"a cookie for both":        {a.cookie, value[len(value)-43:]},
		"a key for both":           {a.cookie[:len(a.cookie)-43] + a.key, a.key},
		"a later end":              {altered(a.cookie, strings.Index(a.cookie, "=")+5), a.key},
		"another id":               {altered(a.cookie, len(a.cookie)-50), a.key},
		"another sum":              {altered(a.cookie, len(a.cookie)-20), a.key},
		"another key":              {a.cookie, altered(a.key, 20)},
		"a cookie that is cut":     {a.cookie[:len(a.cookie)-1], a.key},
		"a cookie of another name": {"x" + a.cookie, a.key},
		"the token as the key":     {a.cookie, adminToken},
	}
}

func TestHalfASignInOpensNothing(t *testing.T) {
	s := mustConsole(t)
	file := s.mustFile()
	paths := map[string]string{"events": "/events?after=0", "a file": file, "metrics": "/metrics"}
	for name, h := range refused(t, s) {
		s.post("{__typename}", nil, h.fields()...).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
		s.post("subscription{events{cursor}}", nil, append(h.fields(), "Accept: text/event-stream")...).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
		s.do("POST", "/uploads", strings.NewReader("x"), h.fields()...).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
		for what, path := range paths {
			if r := s.do("GET", path, nil, h.fields()...); r.status != http.StatusUnauthorized {
				t.Errorf("%s opens %s: %d %s", name, what, r.status, r.body)
			}
		}
		if code := s.greeting(h); code != 4403 {
			t.Errorf("%s: a WebSocket is answered with %d", name, code)
		}
	}
	h := s.mustSignIn()
	s.post("{__typename}", nil, h.fields()...).want(t, http.StatusOK, "")
	for what, path := range paths {
		if status := s.begins(path, h); status != http.StatusOK {
			t.Errorf("a sign-in does not open %s: %d", what, status)
		}
	}
	if code := s.greeting(h); code != 0 {
		t.Errorf("a sign-in's WebSocket is closed with %d", code)
	}
}

func TestASignInExpiresAfterAWeek(t *testing.T) {
	c := newClock()
	s := mustSiteAt(t, c)
	h := s.mustSignIn()
	c.pass(7*24*time.Hour - time.Second)
	s.post("{__typename}", nil, h.fields()...).want(t, http.StatusOK, "")
	c.pass(time.Second)
	s.post("{__typename}", nil, h.fields()...).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	if code := s.greeting(h); code != 4403 {
		t.Errorf("its WebSocket is answered with %d", code)
	}
}

func TestARestartKeepsSignInsAndAnotherTokenEndsThem(t *testing.T) {
	host := mustHost(t)
	h, code := halves{}, ""
	for _, tc := range []struct {
		token  string
		status int
	}{{adminToken, http.StatusOK}, {adminToken, http.StatusOK}, {adminToken + "x", http.StatusUnauthorized}} {
		handler, err := graph.NewHandler(host.Engine, graph.Config{Token: tc.token, Console: bundle(t)})
		if err != nil {
			t.Fatal(err)
		}
		s := &site{t: t, host: host, addr: mustServe(t, handler)}
		s.url = "http://" + s.addr
		if h.key == "" {
			h, code = s.mustSignIn(), s.mustCode()
		} else {
			// A code is kept nowhere.
			s.signIn(map[string]string{"code": code}).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
		}
		_, value, _ := strings.Cut(h.cookie, "=")
		_, port, _ := strings.Cut(s.addr, ":") // it differs from the one before
		if r := s.post("{__typename}", nil, halves{"twinbox-" + port + "=" + value, h.key}.fields()...); r.status != tc.status {
			t.Errorf("%d %s, want %d", r.status, r.body, tc.status)
		}
	}
}

func TestPagesElsewhereCannotUseASignIn(t *testing.T) {
	s := mustSite(t, graph.Config{Console: bundle(t), Origins: []string{"https://friend.example"}})
	h := s.mustSignIn()
	body := `{"token":"` + adminToken + `"}`
	for _, from := range []string{"Origin: https://evil.example", "Origin: null", "Origin: http://127.0.0.1:1", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"} {
		s.post("{__typename}", nil, append(h.fields(), from)...).want(t, http.StatusForbidden, "FORBIDDEN")
		for _, path := range []string{"/sign-in", "/sign-out", "/sign-in/codes"} {
			r := s.do("POST", path, strings.NewReader(body), "Content-Type: application/json", from)
			r.want(t, http.StatusForbidden, "FORBIDDEN")
			if r.header.Get("Set-Cookie") != "" {
				t.Errorf("%s to a page with %s sets a cookie", path, from)
			}
		}
	}
	// One of an allowed origin has its token, and no browser's sign-in.
	r := s.do("OPTIONS", "/graphql", nil, "Authorization:", "Origin: https://friend.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-console-key")
	if strings.Contains(strings.ToLower(r.header.Get("Access-Control-Allow-Headers")), "console") || r.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %v", r.header)
	}
}

// mustFile writes a message with a file, and returns the file's URL.
func (s *site) mustFile() string {
	s.t.Helper()
	ctx := s.t.Context()
	group, err := s.host.CreateAgentGroup(ctx, engine.CreateAgentGroupInput{Name: "Support"})
	if err != nil {
		s.t.Fatal(err)
	}
	session, _, err := s.host.ResolveSession(ctx, engine.ResolveSessionInput{AgentGroupID: group.ID})
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.post(`mutation($in:WriteMessageInput!){writeMessage(input:$in){message{attachments{url}}}}`, map[string]any{"in": map[string]any{
		"sessionId": session.ID, "content": map[string]any{"text": "look", "attachments": []any{map[string]any{"name": "a.txt", "data": "aGVsbG8="}}}}})
	var got struct {
		Data struct {
			WriteMessage struct {
				Message struct{ Attachments []struct{ URL string } }
			}
		}
	}
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || len(got.Data.WriteMessage.Message.Attachments) != 1 {
		s.t.Fatalf("%v: %s", err, r.body)
	}
	return got.Data.WriteMessage.Message.Attachments[0].URL
}

// begins is the status of an answer, which need not end.
func (s *site) begins(path string, h halves) int {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Cookie", h.cookie)
	r.Header.Set("X-Console-Key", h.key)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// greeting opens a WebSocket as the console does; it is 0 if that is welcome,
// else the code that it was closed with.
func (s *site) greeting(h halves) websocket.StatusCode {
	s.t.Helper()
	header := http.Header{}
	if h.cookie != "" {
		header.Set("Cookie", h.cookie)
	}
	c, _, err := websocket.Dial(s.t.Context(), s.url+"/graphql", &websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.CloseNow()
	client := &socketClient{c, s.t.(*testing.T)}
	client.say(mustJSON(s.t.(*testing.T), map[string]any{"type": "connection_init", "payload": map[string]any{"consoleKey": h.key}}))
	_, data, err := c.Read(s.t.Context())
	if err != nil {
		return websocket.CloseStatus(err)
	}
	if !strings.Contains(string(data), "connection_ack") {
		s.t.Fatalf("greeted with %s", data)
	}
	return 0
}
