package wasmhooks_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/wasm-hooks/fixture"
)

func TestSDKsGiveEachAnswerAtEachPoint(t *testing.T) {
	for _, lang := range []string{"c", "rust"} {
		t.Run(lang, func(t *testing.T) {
			dir := filepath.Join("testdata", "points", lang)
			module := mustModule(t, dir)
			runCases(t, module, dir)

			h, err := hooks.Open(t.TempDir(), hooks.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			}()
			v, err := h.Add(t.Context(), module)
			if err != nil {
				t.Fatal(err)
			}
			v.Active = true
			hook := engine.HookRecord{Name: "points", Versions: []engine.HookVersion{v}, HookSettings: engine.HookSettings{
				Enabled: true, Points: v.Handles, Limits: engine.DefaultHookLimits(), Config: []byte(`{"why":1}`)}}
			if err := h.Probe(t.Context(), hook); err == nil || !strings.Contains(err.Error(), "why must be a text") {
				t.Errorf("a configuration that is wrong: %v", err)
			}
			hook.Config = nil
			cases, err := fixture.Load(filepath.Join(dir, "fixtures"))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cases {
				if c.Name != "message-fail" {
					continue
				}
				if r, err := c.Run(t.Context(), h, hook); err != nil || !strings.Contains(*r.Reason, "on purpose") || len(r.Log) == 0 || !strings.Contains(r.Log[0], "called") {
					t.Errorf("a failure: %v, reason %q, log %q", err, *r.Reason, r.Log)
				}
			}
		})
	}
}
