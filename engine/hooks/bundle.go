package hooks

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Bundle makes one self-contained script of the file at path and what it
// imports from the files in and below its folder, as JavaScript with a source
// map in it. It is for the command line: an engine takes a script as one text,
// and reads no files.
func Bundle(path string) ([]byte, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", path, err)
	}
	// What is imported is told by where it really lies, so the entry must be too.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("bundle the script: %w", err)
	}
	folder := filepath.Dir(path)
	r := api.Build(api.BuildOptions{
		EntryPoints: []string{path}, AbsWorkingDir: folder, Outfile: filepath.Join(folder, "hook.js"),
		Bundle: true, Format: api.FormatESModule, Platform: api.PlatformNeutral, Target: scriptTarget, TsconfigRaw: "{}",
		MainFields: []string{"module", "main"}, Sourcemap: api.SourceMapInline, SourcesContent: api.SourcesContentInclude,
		Plugins: []api.Plugin{withinFolder(folder)},
	})
	if len(r.Errors) > 0 {
		problems := make([]error, len(r.Errors))
		for i, m := range r.Errors {
			problems[i] = errors.New(describeMessage(m))
		}
		return nil, errors.Join(problems...)
	}
	return r.OutputFiles[0].Contents, nil
}

// resolving marks the plugin's own questions.
type resolving struct{}

// withinFolder refuses imports of what lies outside of a folder.
func withinFolder(folder string) api.Plugin {
	return api.Plugin{Name: "within-folder", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if _, own := args.PluginData.(resolving); own || args.Kind == api.ResolveEntryPoint {
				return api.OnResolveResult{}, nil
			}
			found := b.Resolve(args.Path, api.ResolveOptions{
				Importer: args.Importer, ResolveDir: args.ResolveDir, Kind: args.Kind, PluginData: resolving{}, With: args.With,
			})
			if len(found.Errors) > 0 {
				return api.OnResolveResult{}, fmt.Errorf("%q cannot be imported: a script may import files beside or below it, and packages in a node_modules there; it has no modules of a runtime", args.Path)
			}
			inside, err := filepath.Rel(folder, found.Path)
			if err != nil || inside == ".." || strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
				return api.OnResolveResult{}, fmt.Errorf("%q is outside of the script's folder: copy it there", args.Path)
			}
			return api.OnResolveResult{Path: found.Path, Namespace: found.Namespace, External: found.External, Suffix: found.Suffix}, nil
		})
	}}
}
