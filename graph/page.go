package graph

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// frontPage says what runs here to whoever opens it in a browser, where there
// is no console.
type frontPage struct {
	template         *template.Template
	version, dataDir string
	policy           string
}

func newFrontPage(version, dataDir string) (*frontPage, error) {
	if dataDir == "" {
		dataDir = "DATA"
	}
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	sum := sha256.Sum256([]byte(pageCSS))
	return &frontPage{template: t, version: version, dataDir: dataDir,
		policy: "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"}, nil
}

func (p *frontPage) serve(a *answer, r *http.Request) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	var b bytes.Buffer
	err := p.template.Execute(&b, struct {
		Style                 template.CSS
		Version, DataDir, URL string
	}{template.CSS(pageCSS), p.version, p.dataDir, scheme + "://" + r.Host})
	if err != nil {
		a.fail(faultInternal)
		return
	}
	a.Header().Set("Content-Security-Policy", p.policy)
	a.send(http.StatusOK, "text/html; charset=utf-8", b.Bytes())
}
