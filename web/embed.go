// Package web holds the console that npm builds, as make has it do. A build
// without it has an engine without a console.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Bundle is the console, as graph.Config takes it; nil if there was none when
// this was built.
func Bundle() fs.FS {
	bundle, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil
	}
	if _, err := fs.Stat(bundle, "index.html"); err != nil {
		return nil
	}
	return bundle
}
