package graph

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// keyHeader has the half of a sign-in that its page keeps; the cookie is
	// the other half.
	keyHeader = "X-Console-Key"
	// signInTime is how long a browser stays signed in.
	signInTime = 7 * 24 * time.Hour
	// codeTime is how long a code of SignInCode may be used.
	codeTime = 15 * time.Minute
	maxCodes = 64
	// signInBytes bounds the body of a sign-in.
	signInBytes = 4 << 10
)

var (
	faultSignIn     = fault{http.StatusUnauthorized, codeUnauthenticated, "this token or code is not valid; a code is, once, for 15 minutes"}
	faultSignInBody = fault{http.StatusBadRequest, codeBadRequest, `send {"token": …} or {"code": …} as application/json`}
)

// signIns tells browsers that have signed in from others. A sign-in has two
// halves, and one is worth nothing: a cookie, which no script can read, and a
// key in the storage of the origin, which no other origin can read. (A cookie
// alone is sent to whatever listens at another port of the same host.)
//
// Nothing is kept of them: both are made from the admin token, so they outlive
// a restart of the engine, and end when the token is changed.
type signIns struct {
	secret [sha256.Size]byte
	now    func() time.Time

	mu    sync.Mutex // guards codes
	codes map[[sha256.Size]byte]time.Time
}

func newSignIns(token string) *signIns {
	s := &signIns{now: time.Now, codes: map[[sha256.Size]byte]time.Time{}}
	copy(s.secret[:], hash([]byte(token), "console"))
	return s
}

func hash(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func (s *signIns) sign(purpose, text string) string {
	return base64.RawURLEncoding.EncodeToString(hash(s.secret[:], purpose+" "+text))
}

// code makes a code that signs in once. Only the newest are kept.
func (s *signIns) code() string {
	code := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for len(s.codes) >= maxCodes {
		oldest, at := [sha256.Size]byte{}, now.Add(codeTime)
		for c, t := range s.codes {
			if !t.After(at) {
				oldest, at = c, t
			}
		}
		delete(s.codes, oldest)
	}
	s.codes[sha256.Sum256([]byte(code))] = now.Add(codeTime)
	return code
}

// redeem reports whether a code is valid; it is no longer.
func (s *signIns) redeem(code string) bool {
	sum := sha256.Sum256([]byte(code))
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.codes[sum]
	delete(s.codes, sum)
	return ok && s.now().Before(until)
}

// begin makes the two halves of a sign-in.
func (s *signIns) begin() (cookie, key string, until time.Time) {
	until = s.now().Add(signInTime)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(until.Unix()))
	id := base64.RawURLEncoding.EncodeToString(b[:]) + rand.Text()
	return id + "." + s.sign("cookie", id), s.sign("key", id), until
}

// allows reports whether a cookie and a key belong together, and are still
// valid.
func (s *signIns) allows(cookie, key string) bool {
	const idBytes, sumBytes = 11 + 26, 43
	if len(cookie) != idBytes+1+sumBytes || cookie[idBytes] != '.' || len(key) != sumBytes {
		return false
	}
	id := cookie[:idBytes]
	if !hmac.Equal([]byte(cookie[idBytes+1:]), []byte(s.sign("cookie", id))) || !hmac.Equal([]byte(key), []byte(s.sign("key", id))) {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(id[:11])
	return err == nil && s.now().Unix() < int64(binary.BigEndian.Uint64(b))
}

// cookieName has the port, since cookies have none: engines at two ports of
// one host would sign each other's users out.
func cookieName(r *http.Request) string {
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		return "twinbox"
	}
	return "twinbox-" + port
}

// signInCookie is the cookie's value in r, "" if there is none.
func signInCookie(r *http.Request) string {
	if c, err := r.Cookie(cookieName(r)); err == nil {
		return c.Value
	}
	return ""
}

// SignInCode makes a code that signs a browser in to the console once, within
// 15 minutes: at the engine's URL with "#code=" and the code behind it. It is
// as secret as the admin token.
func (h *Handler) SignInCode() string { return h.signIns.code() }

// serveSignIn signs a browser in that has the admin token or a code.
func (h *handler) serveSignIn(a *answer, r *http.Request) {
	var given struct{ Token, Code string }
	body, err := io.ReadAll(io.LimitReader(newBodyReader(a, r), signInBytes+1))
	if err != nil || len(body) > signInBytes || !jsonBody(r.Header) || json.Unmarshal(body, &given) != nil || (given.Token == "") == (given.Code == "") {
		a.fail(faultSignInBody)
		return
	}
	if !(given.Token != "" && h.auth.allows("Bearer "+given.Token)) && !(given.Code != "" && h.signIns.redeem(given.Code)) {
		if h.guessed(r.Context(), r.RemoteAddr) {
			a.fail(faultGuessing)
			return
		}
		a.fail(faultSignIn)
		return
	}
	cookie, key, until := h.signIns.begin()
	h.setCookie(a, r, cookie, int(signInTime/time.Second))
	a.send(http.StatusOK, "application/json", []byte(`{"key":`+strconv.Quote(key)+`,"expiresAt":`+strconv.Quote(until.UTC().Format(time.RFC3339))+"}\n"))
}

// serveSignOut takes the cookie away. Whoever has copied both halves keeps
// them until they expire, or the token is changed.
func (h *handler) serveSignOut(a *answer, r *http.Request) {
	h.setCookie(a, r, "", -1)
	a.WriteHeader(http.StatusNoContent)
}

func (h *handler) setCookie(a *answer, r *http.Request, value string, seconds int) {
	http.SetCookie(a, &http.Cookie{Name: cookieName(r), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteStrictMode})
}

// secure reports whether the browser speaks TLS, be it to a proxy before us.
func secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://")
}
