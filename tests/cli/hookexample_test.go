package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// The examples, as the command line builds and runs them, and compiled and
// metered as in an engine.
func TestTheExamplesPassTheirFixturesInTheRealBinary(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Glob(filepath.Join("..", "..", "wasm-hooks", "examples", "*"))
	if err != nil || len(examples) < 7 {
		t.Fatalf("the examples are %v, %v", examples, err)
	}
	for _, dir := range examples {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			hook := filepath.Join(t.TempDir(), "hook.wasm")
			trial := trials(t)
			if scripts, err := filepath.Glob(filepath.Join(dir, "*.js")); err == nil && len(scripts) == 1 {
				requireScripts(t)
				hook = scripts[0]
			} else if r := run(t, plain(t, trial("build", dir, "-o", hook))); r.code != 0 {
				skipWithoutTarget(t, r)
				t.Fatalf("build: %+v", r)
			}
			r := run(t, plain(t, trial("test", hook, "--fixtures", filepath.Join(dir, "fixtures"))))
			inputs, err := filepath.Glob(filepath.Join(dir, "fixtures", "*.input.json"))
			if ok := strings.Count(r.stdout, "ok "); r.code != 0 || err != nil || ok != len(inputs) || ok == 0 {
				t.Errorf("%d of %d fixtures are as expected: %+v", ok, len(inputs), r)
			}
		})
	}
}
