package graph

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
)

const (
	// assetsPath is of files whose names have a hash of their content.
	assetsPath = "/assets/"
	// noncePlace stands in the console's page where the nonce of one answer is
	// put: the styles that the page makes for itself carry it.
	noncePlace = "@nonce@"
)

// consolePaths are the console's own; the page itself tells them apart.
var consolePaths = []string{assetsPath, "/messages", "/sessions", "/hooks", "/tail", "/operations", "/graphiql"}

func consolePath(path string) bool {
	for _, p := range consolePaths {
		if rest, ok := strings.CutPrefix(path, p); ok && (rest == "" || p == assetsPath || rest[0] == '/') {
			return true
		}
	}
	return false
}

// isNavigation reports whether somebody goes to an address in a browser.
func isNavigation(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// console is the web console: two pages and the files that they load.
type console struct {
	page, graphiQL []byte
	assets         map[string]asset
}

// newConsole reads a bundle; for none, the console is nil.
func newConsole(bundle fs.FS) (*console, error) {
	if bundle == nil {
		return nil, nil
	}
	c := &console{assets: map[string]asset{}}
	err := fs.WalkDir(bundle, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(bundle, name)
		if err != nil {
			return err
		}
		file, zipped := strings.CutSuffix("/"+name, ".gz")
		switch {
		case name == "index.html":
			c.page = content
		case name == "graphiql.html":
			c.graphiQL = content
		case zipped && strings.HasPrefix(file, assetsPath):
			if c.assets[file], err = newAsset(file, content); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	if err == nil && (c.page == nil || c.graphiQL == nil) {
		err = errors.New("index.html or graphiql.html is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("read the console's bundle: %w", err)
	}
	return c, nil
}

// policies of the two pages. GraphiQL's editor makes styles and workers that
// cannot carry a nonce; no text of an agent comes there but as JSON.
const (
	pagePolicy = "default-src 'self'; style-src 'self' 'nonce-" + noncePlace + "'; img-src 'self' data: blob:; media-src blob:; " +
		"object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	graphiQLPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; " +
		"object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

func (c *console) serve(a *answer, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, assetsPath) {
		if f, ok := c.assets[r.URL.Path]; ok {
			f.serve(a, r)
		} else {
			a.fail(faultNotFound)
		}
		return
	}
	status, page, policy := http.StatusOK, c.page, pagePolicy
	if r.URL.Path != "/" && !consolePath(r.URL.Path) {
		status = http.StatusNotFound // the page says so
	}
	if r.URL.Path == "/graphiql" {
		page, policy = c.graphiQL, graphiQLPolicy
	}
	nonce := rand.Text()
	a.Header().Set("Content-Security-Policy", strings.ReplaceAll(policy, noncePlace, nonce))
	a.send(status, "text/html; charset=utf-8", bytes.ReplaceAll(page, []byte(noncePlace), []byte(nonce)))
}
