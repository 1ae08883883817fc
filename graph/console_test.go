package graph_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/twinbox/twinbox/graph"
)

const (
	indexPage    = `<!doctype html><meta name="csp-nonce" content="@nonce@"><title>Twinbox</title>`
	graphiQLPage = `<!doctype html><title>GraphiQL</title>`
	script       = "console.log('Twinbox');\n"
)

func zip(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bundle is a console as npm builds it.
func bundle(t testing.TB) fstest.MapFS {
	return fstest.MapFS{
		"README":                         {Data: []byte("not served")},
		"index.html":                     {Data: []byte(indexPage)},
		"graphiql.html":                  {Data: []byte(graphiQLPage)},
		"assets/index-C3x9.js.gz":        {Data: zip(t, script)},
		"assets/index-8L-_.css.gz":       {Data: zip(t, "body{}")},
		"assets/codicon-DCmgc-ay.ttf.gz": {Data: zip(t, "font")},
	}
}

func mustConsole(t *testing.T) *site {
	t.Helper()
	return mustSite(t, graph.Config{Console: bundle(t)})
}

func TestEachScreenOfTheConsoleIsAPageWithAPolicyAndANonceOfItsOwn(t *testing.T) {
	s := mustConsole(t)
	nonces := map[string]bool{}
	for _, path := range []string{"/", "/sessions", "/sessions/sess-1", "/sessions/sess-1/messages/a%2Fb", "/messages?q=x", "/hooks/redact", "/tail", "/"} {
		r := s.do("GET", path, nil, "Authorization:")
		if r.status != http.StatusOK || r.header.Get("Content-Type") != "text/html; charset=utf-8" || r.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %v", path, r.status, r.header)
		}
		policy := r.header.Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`'nonce-(\w{26})'`).FindStringSubmatch(policy)
		if nonce == nil || nonces[nonce[1]] || r.body != strings.ReplaceAll(indexPage, "@nonce@", nonce[1]) {
			t.Fatalf("%s: nonce %q in %q of %q", path, nonce, policy, r.body)
		}
		nonces[nonce[1]] = true
		if !strings.HasPrefix(policy, "default-src 'self'; ") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
	r := s.do("GET", "/graphiql", nil, "Authorization:")
	if policy := r.header.Get("Content-Security-Policy"); r.body != graphiQLPage || !strings.HasPrefix(policy, "default-src 'self'; ") || strings.Contains(policy, "http") {
		t.Errorf("GraphiQL: %q under %q", r.body, policy)
	}
}

func TestAnAddressThatIsNoScreenIsAPageForBrowsersAlone(t *testing.T) {
	const browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	s := mustConsole(t)
	if r := s.do("GET", "/nowhere", nil, "Authorization:", browser); r.status != http.StatusNotFound || !strings.Contains(r.body, "<title>Twinbox</title>") || !strings.HasPrefix(r.header.Get("Content-Security-Policy"), "default-src 'self'; ") {
		t.Errorf("%d %v %q", r.status, r.header, r.body)
	}
	for _, headers := range [][]string{{"GET", "/nowhere", ""}, {"POST", "/nowhere", browser}, {"GET", "/metrics", browser}, {"GET", "/files/a/b", browser}} {
		if r := s.do(headers[0], headers[1], nil, "Authorization:", headers[2]); r.status != http.StatusUnauthorized || strings.Contains(r.body, "<") {
			t.Errorf("%q: %d %q", headers, r.status, r.body)
		}
	}
	if r := mustSite(t, graph.Config{}).do("GET", "/nowhere", nil, "Authorization:", browser); r.status != http.StatusUnauthorized {
		t.Errorf("without a console: %d", r.status)
	}
}

func TestPagesAndFilesOfTheConsoleAnswerHEAD(t *testing.T) {
	s := mustConsole(t)
	for _, path := range []string{"/", "/sessions/sess-1", "/graphiql", "/assets/index-C3x9.js"} {
		for _, encoding := range []string{"gzip", "identity"} {
			get := s.do("GET", path, nil, "Accept-Encoding: "+encoding)
			head := s.do("HEAD", path, nil, "Accept-Encoding: "+encoding)
			for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding", "Cache-Control"} {
				if got, want := head.header.Get(name), get.header.Get(name); got != want {
					t.Errorf("%s as %s: %s is %q, not %q", path, encoding, name, got, want)
				}
			}
			if head.status != http.StatusOK || head.body != "" {
				t.Errorf("%s as %s: %d %q", path, encoding, head.status, head.body)
			}
		}
		if r := s.do("POST", path, nil); r.status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, r.status)
		}
	}
}

func TestFilesOfTheConsoleAreKeptByBrowsersForGood(t *testing.T) {
	s := mustConsole(t)
	for path, mediaType := range map[string]string{
		"/assets/index-C3x9.js": "text/javascript; charset=utf-8", "/assets/index-8L-_.css": "text/css; charset=utf-8", "/assets/codicon-DCmgc-ay.ttf": "font/ttf",
	} {
		r := s.do("GET", path, nil, "Authorization:")
		if r.status != http.StatusOK || r.header.Get("Content-Type") != mediaType || r.header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
	}
}

func TestFilesOfTheConsoleAreSentAsTheClientCanReadThem(t *testing.T) {
	s := mustConsole(t)
	for encoding, zipped := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "deflate,gzip ": true,
		"identity": false, "br": false, "gzip;q=0": false, "gzip; q=0.0, br": false, "xgzip": false, "gzip;q=x": false,
	} {
		r := s.do("GET", "/assets/index-C3x9.js", nil, "Accept-Encoding: "+encoding)
		want := script
		if zipped {
			want = string(zip(t, script))
		}
		if r.body != want || (r.header.Get("Content-Encoding") == "gzip") != zipped || r.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v %q", encoding, r.header, r.body)
		}
	}
}

func TestTheConsoleServesNothingBesideItsFiles(t *testing.T) {
	s := mustConsole(t)
	for _, path := range []string{
		"/assets/", "/assets/none.js", "/assets/index-C3x9.js.gz", "/assets/index-C3x9.js/", "/assets/../index.html", "/assets/%2e%2e/index.html",
		"/assets/..%2findex.html", "/assets//index-C3x9.js", "/assets/../../admin-token", `/assets/..\..\admin-token`, "/assets/%00",
		"/assets", "/index.html", "/graphiql.html", "/README", "/sessionsx", "/hooksy/z", "/favicon.ico", "//",
	} {
		s.do("GET", path, nil).want(t, http.StatusNotFound, "NOT_FOUND")
	}
}

func TestAnEngineWithoutItsConsoleHasNoScreens(t *testing.T) {
	s := mustSite(t, graph.Config{})
	for _, path := range []string{"/sessions/sess-1", "/graphiql", "/assets/index-C3x9.js"} {
		s.do("GET", path, nil).want(t, http.StatusNotFound, "NOT_FOUND")
	}
}

func TestAConsoleThatIsNotWholeIsRefused(t *testing.T) {
	for name, change := range map[string]func(fstest.MapFS){
		"no page":         func(b fstest.MapFS) { delete(b, "index.html") },
		"no GraphiQL":     func(b fstest.MapFS) { delete(b, "graphiql.html") },
		"not compressed":  func(b fstest.MapFS) { b["assets/index-C3x9.js.gz"] = &fstest.MapFile{Data: []byte(script)} },
		"an unknown type": func(b fstest.MapFS) { b["assets/index.exe.gz"] = b["assets/index-C3x9.js.gz"] },
	} {
		b := bundle(t)
		change(b)
		if _, err := graph.NewHandler(nil, graph.Config{Token: "t", Console: b}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
