package graph_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// guests are by the names that fixtures have for their modules.
func guests() map[string]guest {
	return map[string]guest{
		"OLD":    {point: "on_message"},
		"REDACT": {point: "on_message", answer: `{"action":"replace","content":{"text":"[redacted]"}}`, says: "a message"},
		"GATE":   {point: "on_message", answer: `{"action":"reject","reason":"no links, please"}`},
		"DROP":   {point: "on_message", answer: `{"action":"drop"}`},
		"BROKEN": {point: "on_message", traps: true},
		"TAGGER": {point: "on_session", answer: `{"action":"replace","labels":["vip"]}`},
		"STRICT": {point: "on_message", refuses: `"words" is missing`},
	}
}

// module is a guest's, as the engine takes it.
func (w *world) module(t *testing.T, name string) []byte {
	t.Helper()
	encoded := guests()[name].base64()
	module, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(module)
	w.names[encoded] = "$" + name
	w.names[hex.EncodeToString(sum[:])] = "$SHA_" + name
	return module
}

// install installs a guest under a name, for chat messages.
func (w *world) install(t *testing.T, name, guest string, c engine.HookChanges) {
	t.Helper()
	c.Scope = &engine.HookScopeChanges{Kinds: []string{"chat"}}
	must(t)(w.InstallHook(t.Context(), engine.InstallHookInput{Name: name, Module: w.module(t, guest), HookChanges: c}))
}

// installHooks puts hooks into the world: two that are called, the first in
// its second version, and others that are not.
func (w *world) installHooks(t *testing.T) {
	off := false
	for name := range guests() {
		w.module(t, name)
	}
	w.install(t, "redact", "OLD", engine.HookChanges{Config: json.RawMessage(`{"words": ["secret"]}`)})
	w.install(t, "redact", "REDACT", engine.HookChanges{})
	w.install(t, "tagger", "TAGGER", engine.HookChanges{})
	for name, guest := range map[string]string{"gate": "GATE", "drop": "DROP", "broken": "BROKEN", "strict": "STRICT"} {
		order := 100
		w.install(t, name, guest, engine.HookChanges{Enabled: &off, Order: &order})
	}
}
