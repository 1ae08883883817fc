// Package wasmhooks is what the engine's command line knows about writing
// hooks: it makes a project from a template, with the SDK's source in it, and
// builds a project with the toolchain of its language. The SDKs, templates and
// examples themselves are in the folders beside it; docs/hooks/abi.md says what
// they hide.
package wasmhooks

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed template go/hook assemblyscript/hook c rust
var files embed.FS

// language is one that hooks can be written in.
type language struct {
	name string
	// template is a folder in template. A file whose name ends in ".tmpl"
	// loses that end, and each "{{name}}" in it becomes the project's.
	template string
	// sdk is a folder whose files, but for tests, a project gets as hook/.
	sdk string
	// marks are patterns of files by which a project is told to be of this
	// language: each of those that are separated by a blank is enough.
	marks string
	build func(context.Context, build) error
}

// languages are in the order in which a project is compared with them: the
// scripts come last, since other projects may have some as tools.
func languages() []language {
	return []language{
		{"go", "go", "go/hook", "go.mod *.go", buildGo},
		{"assemblyscript", "assemblyscript", "assemblyscript/hook", "asconfig.json", buildAssemblyScript},
		{"rust", "rust", "rust", "*.rs src/*.rs", buildRust},
		{"c", "c", "c", "*.c", buildC},
		{"javascript", "script/javascript", "", "*.js *.mjs", nothingToBuild},
		{"typescript", "script/typescript", "", "*.ts *.mts", nothingToBuild},
	}
}

// Languages lists what New takes, by name.
func Languages() []string {
	var names []string
	for _, l := range languages() {
		names = append(names, l.name)
	}
	slices.Sort(names)
	return names
}

// New makes a project for a hook of that name in dir, which must not exist. A
// failure leaves nothing. "js" and "ts" are languages, too. The name is of up to 64 lower-case letters, digits,
// '-' and '_', a letter first.
func New(dir, lang, name string) (err error) {
	lang = cmp.Or(map[string]string{"js": "javascript", "ts": "typescript"}[lang], lang)
	i := slices.IndexFunc(languages(), func(l language) bool { return l.name == lang })
	if i < 0 {
		return fmt.Errorf("%q is not a language for hooks: there are %s", lang, strings.Join(Languages(), ", "))
	}
	if !projectName(name) {
		return fmt.Errorf("%q is not a name for a project: up to 64 lower-case letters, digits, '-' and '_', a letter first", name)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fmt.Errorf("make a project: %s exists", dir))
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("make a project: %w", err)
	}
	made, err := os.MkdirTemp(filepath.Dir(dir), ".hook-new-*")
	if err != nil {
		return fmt.Errorf("make a project: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(made)) }()
	l := languages()[i]
	project := filepath.Join(made, name)
	if err := write(project, path.Join("template", l.template), name); err != nil {
		return fmt.Errorf("make a project: %w", err)
	}
	if l.sdk != "" {
		if err := write(filepath.Join(project, "hook"), l.sdk, name); err != nil {
			return fmt.Errorf("make a project: %w", err)
		}
	}
	if err := os.Rename(project, dir); err != nil {
		return fmt.Errorf("make a project: %w", err)
	}
	return nil
}

// write copies a folder of files to dir, which it makes.
func write(dir, from, name string) error {
	return fs.WalkDir(files, from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(p, from)))
		switch {
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "tests"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case strings.HasSuffix(d.Name(), "_test.go"):
			return nil
		}
		b, err := files.ReadFile(p)
		if err != nil {
			return err
		}
		if plain, ok := strings.CutSuffix(to, ".tmpl"); ok {
			to, b = plain, []byte(strings.ReplaceAll(string(b), "{{name}}", name))
		}
		return os.WriteFile(to, b, 0o644)
	})
}

func projectName(s string) bool {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	return s != "" && len(s) <= 64 && s[0] >= 'a' && s[0] <= 'z' && !strings.ContainsFunc(s, other)
}

// languageOf tells a project's language by its files.
func languageOf(dir string) (language, error) {
	for _, l := range languages() {
		for mark := range strings.FieldsSeq(l.marks) {
			found, err := fs.Glob(os.DirFS(dir), mark)
			if err != nil {
				return language{}, err
			}
			if len(found) > 0 {
				return l, nil
			}
		}
	}
	_, err := os.Stat(dir)
	return language{}, cmp.Or(err, fmt.Errorf("%s is not a project of a hook: it has no go.mod, asconfig.json, .c, .rs, .js or .ts file", dir))
}
