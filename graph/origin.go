package graph

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// hosts are the names that the engine may be called by. A page whose name was
// made to resolve to us (DNS rebinding) sends its own name, which is not here.
type hosts map[string]struct{}

func newHosts(names []string) hosts {
	h := hosts{"localhost": {}}
	for _, n := range names {
		h[hostName(n)] = struct{}{}
	}
	return h
}

// allows reports whether r was sent to a name of ours, to a loopback address,
// or to the address that it arrived at.
func (h hosts) allows(r *http.Request) bool {
	name := hostName(r.Host)
	if _, ok := h[name]; ok || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	if addr.Unmap().IsLoopback() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.AddrPort().Addr().Unmap().WithZone("") == addr.Unmap()
}

// hostName is a host without its port, brackets and trailing dot, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// origins are the web origins besides our own whose pages may use the API.
type origins map[string]struct{}

func newOrigins(list []string) (origins, error) {
	o := origins{}
	for _, s := range list {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != strings.TrimSuffix(s, "/") {
			return nil, fmt.Errorf("allowed origin %q is not of the form https://console.example", s)
		}
		o[strings.ToLower(u.Scheme+"://"+u.Host)] = struct{}{}
	}
	return o, nil
}

// has reports whether origin was configured.
func (o origins) has(origin string) bool {
	_, ok := o[strings.ToLower(origin)]
	return ok
}

// allows reports whether r comes from no web page, from one of ours, or from
// one of an allowed origin. A page elsewhere may only lead a browser to what
// is open to everybody.
func (o origins) allows(r *http.Request, open bool) bool {
	if list := r.Header["Origin"]; len(list) > 0 {
		return len(list) == 1 && (sameOrigin(list[0], r) || o.has(list[0]))
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	return open && r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

// sameOrigin accepts https for a request that came without TLS: a proxy
// before us may end it.
func sameOrigin(origin string, r *http.Request) bool {
	host, ok := strings.CutPrefix(origin, "https://")
	if !ok && r.TLS == nil {
		host, ok = strings.CutPrefix(origin, "http://")
	}
	return ok && strings.EqualFold(host, r.Host)
}
