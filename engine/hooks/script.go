package hooks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/twinbox/twinbox/engine"
)

const (
	// maxScriptBytes is of a script's text, with its source map; maxCodeBytes of
	// what is left of it without. QuickJS takes some 200 ms to compile that.
	maxScriptBytes = 4 << 20
	maxCodeBytes   = 1 << 20
	// scriptTarget is what QuickJS can do.
	scriptTarget = api.ES2023
)

// script is a hook in JavaScript, ready to be run.
type script struct {
	code []byte
	// mapping is a source map from code to what its author wrote.
	mapping json.RawMessage
	handles []engine.HookPoint
	// bytecode is set by the first instance.
	bytecode atomic.Pointer[bytecode]
}

// prepareScript makes a script of JavaScript or TypeScript. It reads no file:
// what the text imports is refused. A text that is deeply nested takes so much
// stack that the process ends, so it is for a process that may.
func prepareScript(text []byte) (*script, error) {
	if len(text) > maxScriptBytes {
		return nil, &engine.Error{Code: engine.CodeLimitExceeded, Field: []string{"module"},
			Message: fmt.Sprintf("the script has %d bytes, more than the %d that are allowed", len(text), maxScriptBytes)}
	}
	s, err := translate(text)
	if err != nil {
		return nil, err
	}
	if len(s.code) > maxCodeBytes {
		return nil, &engine.Error{Code: engine.CodeLimitExceeded, Field: []string{"module"},
			Message: fmt.Sprintf("the script has %d bytes of code, more than the %d that are allowed: import less", len(s.code), maxCodeBytes)}
	}
	exports, err := s.exports()
	if err != nil {
		return nil, err
	}
	for _, p := range engine.HookPoints() {
		if slices.Contains(exports, scriptFunction(pointIndex(p))) {
			s.handles = append(s.handles, p)
		}
	}
	if len(s.handles) == 0 {
		return nil, engine.InvalidField("module", "the script exports none of onMessage, onAttachment, onReply and onSession: write `export function onMessage(message, config) { … }`")
	}
	return s, nil
}

// translate makes JavaScript of text, which it takes for TypeScript if it is
// no JavaScript.
func translate(text []byte) (*script, error) {
	var failure error
	for _, kind := range []struct {
		name   string
		loader api.Loader
	}{{"script.js", api.LoaderJS}, {"script.ts", api.LoaderTS}} {
		// Transform, unlike Build, has no file system: not even a source map that
		// the text names is read.
		r := api.Transform(string(text), api.TransformOptions{
			Loader: kind.loader, Sourcefile: kind.name, Target: scriptTarget, Format: api.FormatESModule, TsconfigRaw: "{}",
			Sourcemap: api.SourceMapExternal, SourcesContent: api.SourcesContentExclude, LegalComments: api.LegalCommentsNone,
		})
		if len(r.Errors) == 0 {
			return &script{code: r.Code, mapping: r.Map}, nil
		}
		failure = engine.InvalidField("module", "%s", describeMessage(r.Errors[0]))
	}
	return nil, failure
}

// exports lists what the script exports, and refuses imports.
func (s *script) exports() ([]string, error) {
	var imported *api.OnResolveArgs
	r := api.Build(api.BuildOptions{
		Stdin:  &api.StdinOptions{Contents: string(s.code), Loader: api.LoaderJS},
		Bundle: true, Metafile: true, Format: api.FormatESModule, Platform: api.PlatformNeutral, TsconfigRaw: "{}",
		Plugins: []api.Plugin{{Name: "no-imports", Setup: func(b api.PluginBuild) {
			b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
				if args.Kind != api.ResolveEntryPoint {
					imported = &args
				}
				return api.OnResolveResult{External: true}, nil
			})
		}}},
	})
	if imported != nil {
		return nil, engine.InvalidField("module", "the script imports %q: install it with the command line, which puts local files into one script; other modules are not to be had", tame(imported.Path, 200))
	}
	if len(r.Errors) > 0 {
		return nil, engine.InvalidField("module", "%s", describeMessage(s.original(r.Errors[0])))
	}
	var meta struct {
		Outputs map[string]struct{ Exports []string }
	}
	if err := json.Unmarshal([]byte(r.Metafile), &meta); err != nil {
		return nil, engine.InvalidField("module", "what the script exports cannot be told: %v", err)
	}
	var exports []string
	for _, o := range meta.Outputs {
		exports = append(exports, o.Exports...)
	}
	return exports, nil
}

// original moves a message to where its author wrote what it is about.
func (s *script) original(m api.Message) api.Message {
	if m.Location == nil {
		return m
	}
	places := s.sourceMap()
	if at, ok := places.place(m.Location.Line, m.Location.Column+1); ok {
		m.Location.File, m.Location.Line, m.Location.Column = at.file, at.line, at.column-1
	}
	return m
}

// describeMessage is "redact.ts:12:5: what is wrong: `the line`".
func describeMessage(m api.Message) string {
	if m.Location == nil {
		return m.Text
	}
	text := fmt.Sprintf("%s:%d:%d: %s", m.Location.File, m.Location.Line, m.Location.Column+1, m.Text)
	if line := strings.TrimSpace(m.Location.LineText); line != "" {
		text += ": `" + tame(line, 200) + "`"
	}
	return text
}
