package hooks

import (
	"embed"
	"errors"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// quickJSFiles holds QuickJS if it was there when the engine was built: it is
// taken from npm, not committed.
//
//go:embed quickjs/[Rq]*
var quickJSFiles embed.FS

const quickJSPath = "quickjs/quickjs.wasm"

// QuickJS's interpreter is one large function, whose call counts as some 100
// frames: the depth is for as many calls as fit into quickJSStack, which stops
// a script with an error that tells its line.
const (
	quickJSDepth = 1 << 18
	quickJSStack = 256 << 10 // bytes
)

// quickJSConfig is what QuickJS is to be rewritten with.
func quickJSConfig() metering.Config {
	c := metering.DefaultConfig()
	c.Depth = quickJSDepth
	return c
}

// errNoQuickJS is of a build that lacks QuickJS.
var errNoQuickJS = errors.New("this build of the engine has no JavaScript in it: run `make engine/hooks/quickjs/quickjs.wasm` (it needs npm) and build again")

// quickJSModule returns QuickJS, not metered yet.
func quickJSModule() ([]byte, error) {
	module, err := quickJSFiles.ReadFile(quickJSPath)
	if err != nil {
		return nil, errNoQuickJS
	}
	return module, nil
}
