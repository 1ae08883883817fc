package graph

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
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

// console is the web console: two pages and the files that they load.
type console struct {
	page, graphiQL []byte
	assets         map[string]asset
}

// asset is a file of the bundle, compressed by gzip.
type asset struct {
	mediaType string
	zipped    []byte
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
			c.assets[file] = asset{mime.TypeByExtension(path.Ext(file)), content}
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
		c.serveAsset(a, r)
		return
	}
	page, policy := c.page, pagePolicy
	if r.URL.Path == "/graphiql" {
		page, policy = c.graphiQL, graphiQLPolicy
	}
	nonce := rand.Text()
	a.Header().Set("Content-Security-Policy", strings.ReplaceAll(policy, noncePlace, nonce))
	a.send(http.StatusOK, "text/html; charset=utf-8", bytes.ReplaceAll(page, []byte(noncePlace), []byte(nonce)))
}

// serveAsset sends a file that never changes under its name.
func (c *console) serveAsset(a *answer, r *http.Request) {
	f, ok := c.assets[r.URL.Path]
	if !ok {
		a.fail(faultNotFound)
		return
	}
	header := a.Header()
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Vary", "Accept-Encoding")
	content := f.zipped
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
	} else {
		plain, err := gzip.NewReader(bytes.NewReader(content))
		if err == nil {
			content, err = io.ReadAll(plain)
		}
		if err != nil {
			a.fail(faultInternal)
			return
		}
	}
	a.send(http.StatusOK, f.mediaType, content)
}
