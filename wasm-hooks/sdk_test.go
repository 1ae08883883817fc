package wasmhooks_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/wasm-hooks/fixture"
)

// mustAdd builds a project and adds it to a host of its own.
func mustAdd(t *testing.T, dir string) (*hooks.Host, engine.HookRecord) {
	t.Helper()
	module := mustModule(t, dir)
	h := openHost(t)
	v, err := h.Add(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	v.Active = true
	return h, engine.HookRecord{Name: "hook", Versions: []engine.HookVersion{v}, HookSettings: engine.HookSettings{
		Enabled: true, Points: v.Handles, OnFailure: engine.HookFail, Limits: engine.DefaultHookLimits()}}
}

// The hooks in testdata/points give each answer at each point.
func TestSDK(t *testing.T) {
	// What an instance may have: Go's begins with more than 3 MiB.
	for lang, memory := range map[string]int64{"assemblyscript": 2 << 20, "c": 2 << 20, "go": 12 << 20, "rust": 2 << 20} {
		t.Run(lang, func(t *testing.T) {
			if lang == "assemblyscript" {
				mustHaveCompiler(t)
			}
			dir := filepath.Join("testdata", "points", lang)
			h, hook := mustAdd(t, dir)
			cases, err := fixture.Load(filepath.Join(dir, "fixtures"))
			if err != nil {
				t.Fatal(err)
			}
			t.Run("gives each answer at each point", func(t *testing.T) { mustPass(t, cases, h, hook) })
			t.Run("says why a hook failed", func(t *testing.T) { mustSayWhy(t, cases, h, hook) })
			t.Run("keeps nothing of a call", func(t *testing.T) {
				mustKeepNothing(t, h, hook, memory, 500, strings.Repeat("a long text\n", 3000))
			})
			if lang == "go" {
				t.Run("collects what a short call left", func(t *testing.T) { mustKeepNothing(t, h, hook, 64<<20, 100, "waste") })
			}
			t.Run("hands on that a configuration is refused", func(t *testing.T) {
				mustRefuse(t, h, hook, [][2]string{{`{"why":1}`, "why must be a text"}})
			})
		})
	}
}

func mustPass(t *testing.T, cases []fixture.Case, h *hooks.Host, hook engine.HookRecord) {
	t.Helper()
	for _, c := range cases {
		if r, err := c.Run(t.Context(), h, hook); err != nil || r.Difference != "" {
			t.Errorf("%s: %v\n%s", c.Name, err, r.Difference)
		}
	}
}

func mustSayWhy(t *testing.T, cases []fixture.Case, h *hooks.Host, hook engine.HookRecord) {
	t.Helper()
	i := slices.IndexFunc(cases, func(c fixture.Case) bool { return c.Name == "message-fail" })
	r, err := cases[i].Run(t.Context(), h, hook)
	if err != nil {
		t.Fatal(err)
	}
	if r.Reason == nil || !strings.Contains(*r.Reason, "on purpose") {
		t.Errorf("the failure does not say why: %+v", r.HookStep)
	}
	if len(r.Log) == 0 || !strings.Contains(r.Log[0], "called") {
		t.Errorf("the log is %q", r.Log)
	}
}

// mustKeepNothing makes calls that need more memory in all than there is.
func mustKeepNothing(t *testing.T, h *hooks.Host, hook engine.HookRecord, memory int64, calls int, text string) {
	t.Helper()
	content, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		t.Fatal(err)
	}
	hook.Limits.MemoryBytes, hook.Limits.Instances = memory, 1
	h.Use([]engine.HookRecord{hook})
	for i := range calls {
		subject, err := engine.NewHookSubject(engine.HookOnMessage, engine.HookSample{Message: engine.HookMessage{Kind: "chat", Content: content}})
		if err != nil {
			t.Fatal(err)
		}
		action, err := h.Run(t.Context(), engine.HookCall{Point: engine.HookOnMessage, Target: engine.HookTarget{AgentGroupID: "g"}, Subject: subject})
		if err != nil || action != engine.HookReplaced {
			t.Fatalf("call %d: %v, %v", i, action, err)
		}
	}
}

// mustRefuse checks that configurations are refused, with a text in the reason.
func mustRefuse(t *testing.T, h *hooks.Host, hook engine.HookRecord, configs [][2]string) {
	t.Helper()
	for _, c := range configs {
		hook.Config = []byte(c[0])
		if err := h.Probe(t.Context(), hook); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v, without %q", c[0], err, c[1])
		}
	}
}

func TestExamplesRefuseAConfigurationThatTheyDoNotUnderstand(t *testing.T) {
	for dir, configs := range map[string][][2]string{
		"examples/strip-metadata": {{`{"malformed":"ignore"}`, "malformed must be"}, {`{"malformed":true}`, "malformed must be"}},
		"examples/gate": {
			{`null`, "must be an object"}, {`[]`, "must be an object"}, {`{}`, "rules must be a list"}, {`{"rules":{}}`, "rules must be a list"},
			{`{"rules":[],"user":"x"}`, "unknown member user"}, {`{"rules":[],"userField":1}`, "userField must be"},
			{`{"rules":[{"allow":true},5]}`, "rules[1] must be an object"}, {`{"rules":[{}]}`, "rules[0]: allow must be"},
			{`{"rules":[{"allow":"no"}]}`, "rules[0]: allow must be"}, {`{"rules":[{"allow":false,"user":["U1"]}]}`, "unknown member user"},
			{`{"rules":[{"allow":false,"users":"U1"}]}`, "users must be a list"}, {`{"rules":[{"allow":false,"users":[1]}]}`, "users must be a list"},
			{`{"rules":[{"allow":false,"commands":null}]}`, "commands must be a list"}, {`{"rules":[{"allow":false,"commands":["stop"]}]}`, "begin with a slash"},
			{`{"rules":[{"allow":false,"reason":1}]}`, "reason must be"},
		},
	} {
		t.Run(dir, func(t *testing.T) {
			h, hook := mustAdd(t, filepath.FromSlash(dir))
			mustRefuse(t, h, hook, configs)
		})
	}
}
