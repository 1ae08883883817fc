package graph

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// asset is a file of the console's bundle, compressed by gzip.
type asset struct {
	mediaType string
	zipped    []byte
	size      uint32 // of what zipped holds
}

// newAsset takes the types that a bundle has. The machine's own table is not
// asked: some say that JavaScript is text, which browsers then refuse to run.
func newAsset(name string, zipped []byte) (asset, error) {
	mediaType, ok := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml",
		".png": "image/png", ".ttf": "font/ttf", ".woff2": "font/woff2", ".wasm": "application/wasm",
	}[path.Ext(name)]
	if !ok {
		return asset{}, fmt.Errorf("the type of %s files is not known", path.Ext(name))
	}
	if _, err := gzip.NewReader(bytes.NewReader(zipped)); err != nil {
		return asset{}, err
	}
	// The format ends with the size of what was compressed.
	return asset{mediaType, zipped, binary.LittleEndian.Uint32(zipped[len(zipped)-4:])}, nil
}

// serve sends a file that never changes under its name.
func (f asset) serve(a *answer, r *http.Request) {
	header := a.Header()
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Add("Vary", "Accept-Encoding")
	if takesGzip(r.Header) {
		header.Set("Content-Encoding", "gzip")
		a.send(http.StatusOK, f.mediaType, f.zipped)
		return
	}
	header.Set("Content-Type", f.mediaType)
	header.Set("Content-Length", strconv.FormatUint(uint64(f.size), 10))
	a.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	// In parts, so that asking for it costs the engine no memory.
	plain, err := gzip.NewReader(bytes.NewReader(f.zipped))
	if err == nil {
		_, err = io.Copy(a, plain)
	}
	a.broken = a.broken || err != nil
}

// takesGzip reports whether a client says that it can read gzip.
func takesGzip(header http.Header) bool {
	for part := range strings.SplitSeq(strings.Join(header.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		value, given := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		q, err := strconv.ParseFloat(value, 64)
		return !given || err == nil && q > 0
	}
	return false
}
