package graph

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// signInBytes bounds the body of a sign-in.
const signInBytes = 4 << 10

var (
	faultSignIn     = fault{http.StatusUnauthorized, codeUnauthenticated, "this token or code is not valid; a code is, once, for 15 minutes"}
	faultSignInBody = fault{http.StatusBadRequest, codeBadRequest, `send {"token": …} or {"code": …} as application/json`}
	faultCodeToken  = fault{http.StatusForbidden, codeForbidden, "codes are made with the token, as Authorization: Bearer TOKEN; a sign-in makes no other"}
)

// SignInCode makes a code that signs a browser in to the console once, within
// 15 minutes: at the engine's URL with "#code=" and the code behind it. It is
// as secret as the admin token.
func (h *Handler) SignInCode() string {
	code, _ := h.signIns.codes.make(h.signIns.now())
	return code
}

// serveSignInCode makes a code for whoever has the token. A sign-in does not
// do: what ends after a week could go on for ever.
func (h *handler) serveSignInCode(a *answer, r *http.Request) {
	if !h.auth.allows(r.Header.Get("Authorization")) {
		a.fail(faultCodeToken)
		return
	}
	code, until := h.signIns.codes.make(h.signIns.now())
	a.sendJSON(struct {
		Code      string    `json:"code"`
		ExpiresAt time.Time `json:"expiresAt"`
	}{code, until.UTC().Truncate(time.Second)})
}

// serveSignIn signs a browser in that has the admin token or a code.
func (h *handler) serveSignIn(a *answer, r *http.Request) {
	var given struct{ Token, Code string }
	body, err := io.ReadAll(io.LimitReader(newBodyReader(a, r), signInBytes+1))
	if err != nil || len(body) > signInBytes || !jsonBody(r.Header) || json.Unmarshal(body, &given) != nil || (given.Token == "") == (given.Code == "") {
		a.fail(faultSignInBody)
		return
	}
	known := false
	if given.Token != "" {
		known = h.auth.allows("Bearer " + given.Token)
	} else {
		known = h.signIns.codes.redeem(given.Code, h.signIns.now())
	}
	switch {
	case known:
		cookie, key, until := h.signIns.begin()
		h.setCookie(a, r, cookie, int(signInTime/time.Second))
		a.sendJSON(struct {
			Key       string    `json:"key"`
			ExpiresAt time.Time `json:"expiresAt"`
		}{key, until.UTC().Truncate(time.Second)})
	case h.guessed(r.Context(), r.RemoteAddr):
		a.fail(faultGuessing)
	default:
		a.fail(faultSignIn)
	}
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

// sendJSON answers with a value of strings, which cannot fail to be encoded.
func (a *answer) sendJSON(v any) {
	body, _ := json.Marshal(v)
	a.send(http.StatusOK, mediaJSON, body)
}
