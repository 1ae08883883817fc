package graph

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net"
	"net/http"
	"time"
)

const (
	// keyHeader has the half of a sign-in that its page keeps; the cookie is
	// the other half.
	keyHeader = "X-Console-Key"
	// signInTime is how long a browser stays signed in.
	signInTime = 7 * 24 * time.Hour
)

// signIns tells browsers that have signed in from others. A sign-in has two
// halves, and one is worth nothing: a cookie, which no script can read, and a
// key in the storage of the origin, which no other origin can read. (A cookie
// alone is sent to whatever listens at another port of the same host.)
//
// Nothing is kept of them: both are made from the admin token, so they outlive
// a restart of the engine, and end when the token is changed.
type signIns struct {
	secret []byte
	now    func() time.Time
	codes  signInCodes
}

func newSignIns(token string, now func() time.Time) *signIns {
	return &signIns{secret: hash([]byte(token), "console"), now: now, codes: signInCodes{until: map[codeSum]time.Time{}}}
}

func hash(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func (s *signIns) sign(purpose, text string) string {
	return base64.RawURLEncoding.EncodeToString(hash(s.secret, purpose+" "+text))
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
// valid. Wrong ones are not counted: nobody guesses 256 bits, and pages whose
// sign-in has expired would use the count up for whoever has to type a token.
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
