package graph_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/graph"
)

func TestDNSRebindingIsRefusedByTheHostName(t *testing.T) {
	s := mustSite(t, graph.Config{Hosts: []string{"engine.example", "10.1.2.3"}})
	_, port, _ := strings.Cut(s.addr, ":")
	for host, allowed := range map[string]bool{
		s.addr: true, "localhost:" + port: true, "LOCALHOST": true, "console.localhost": true, "127.8.9.10:1": true, "[::1]:80": true,
		"engine.example": true, "Engine.Example.:443": true, "10.1.2.3": true,
		"evil.example": false, "evil.example:" + port: false, "engine.example.evil.example": false, "127.0.0.1.evil.example": false,
		"localhost.evil.example": false, "10.1.2.4": false, "0.0.0.0": false, "notlocalhost": false, "[fe80::1]": false,
	} {
		for _, path := range []string{"/", "/healthz", "/graphql?query={__typename}"} {
			r := s.do("GET", path, nil, "Host: "+host)
			switch {
			case allowed && r.status != http.StatusOK:
				t.Errorf("%s%s: %d %s", host, path, r.status, r.body)
			case !allowed:
				r.want(t, http.StatusMisdirectedRequest, "FORBIDDEN")
			}
		}
	}
}

func TestPagesOfOtherOriginsAreRefused(t *testing.T) {
	s := mustSite(t, graph.Config{Origins: []string{"https://console.example"}})
	for origin, allowed := range map[string]bool{
		s.url: true, "https://" + s.addr: true, "https://console.example": true,
		"http://console.example": false, "https://console.example.evil.example": false, "https://console.example:8443": false,
		"https://evil.example": false, "null": false, "http://127.0.0.1:1": false, "http://" + s.addr + ".evil.example": false, "file://": false,
	} {
		r := s.post("{__typename}", nil, "Origin: "+origin)
		cors := r.header.Get("Access-Control-Allow-Origin")
		if !allowed {
			r.want(t, http.StatusForbidden, "FORBIDDEN")
			if cors != "" {
				t.Errorf("%s: Access-Control-Allow-Origin is %q", origin, cors)
			}
			continue
		}
		r.want(t, http.StatusOK, "")
		want := ""
		if origin == "https://console.example" {
			want = origin
		}
		if cors != want || (want != "" && r.header.Get("Vary") != "Origin") {
			t.Errorf("%s: Access-Control-Allow-Origin is %q, Vary %q", origin, cors, r.header.Get("Vary"))
		}
	}
}

func TestRequestsThatABrowserCallsCrossSiteAreRefused(t *testing.T) {
	s := mustSite(t, graph.Config{})
	for _, test := range []struct {
		path, site, mode string
		status           int
	}{
		{"/graphql?query={__typename}", "cross-site", "no-cors", http.StatusForbidden},
		{"/graphql?query={__typename}", "same-site", "navigate", http.StatusForbidden},
		{"/graphql?query={__typename}", "same-origin", "cors", http.StatusOK},
		{"/graphql?query={__typename}", "none", "navigate", http.StatusOK},
		{"/", "cross-site", "navigate", http.StatusOK},
		{"/", "cross-site", "no-cors", http.StatusForbidden},
	} {
		if r := s.do("GET", test.path, nil, "Sec-Fetch-Site: "+test.site, "Sec-Fetch-Mode: "+test.mode); r.status != test.status {
			t.Errorf("%v: %d %s", test, r.status, r.body)
		}
	}
}

func TestPreflightIsAnsweredForConfiguredOriginsAlone(t *testing.T) {
	s := mustSite(t, graph.Config{Origins: []string{"https://console.example"}})
	preflight := func(origin string) reply {
		return s.do("OPTIONS", "/graphql", nil, "Authorization:", "Origin: "+origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization, content-type")
	}
	r := preflight("https://console.example")
	if r.status != http.StatusNoContent || r.header.Get("Access-Control-Allow-Origin") != "https://console.example" ||
		!strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "Authorization") || r.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", r.status, r.header)
	}
	preflight("https://evil.example").want(t, http.StatusForbidden, "FORBIDDEN")
	preflight(s.url).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
}
