package graph_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

type userError struct {
	Code, Message string
	Field         []string
}

const writeText = `mutation($session: ID!, $text: String!) {
	writeMessages(input: {messages: [{sessionId: $session, content: {text: $text}}, {sessionId: $session, kind: "task", content: {text: $text}}]}) {
		results { outcome message { content } userErrors { code message field } }
	}
}`

func TestWritingAMessageAnswersWhatAHookMadeOfIt(t *testing.T) {
	w := mustWorld(t)
	must(t)(w.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: new("ag"), Name: "AG"}))
	s := w.mustSession(t, "SESSION", engine.ResolveSessionInput{AgentGroupID: "ag"})
	for name, tc := range map[string]struct {
		guest, outcome, content string
		err                     userError
	}{
		"replaced": {guest: "REDACT", outcome: "WRITTEN", content: `{"text":"[redacted]"}`},
		"dropped":  {guest: "DROP", outcome: "DROPPED"},
		"rejected": {guest: "GATE", err: userError{Code: "HOOK_REJECTED", Message: "no links, please"}},
		"failed":   {guest: "BROKEN", err: userError{Code: "HOOK_FAILED", Message: "on_message trapped"}},
	} {
		t.Run(name, func(t *testing.T) {
			w.install(t, "h", tc.guest, engine.HookChanges{})
			var answer struct {
				Data struct {
					WriteMessages struct {
						Results []struct {
							Outcome    string
							Message    *struct{ Content json.RawMessage }
							UserErrors []userError
						}
					}
				}
			}
			text := w.query(t, writeText, map[string]any{"session": s.ID, "text": name})
			mustDecode(t, text, &answer)
			hooked, other := answer.Data.WriteMessages.Results[0], answer.Data.WriteMessages.Results[1]
			if other.Outcome != "WRITTEN" || string(other.Message.Content) != `{"text":"`+name+`"}` {
				t.Errorf("the other message, which the hook is not for: %s", text)
			}
			if hooked.Outcome != tc.outcome || (hooked.Message == nil) != (tc.content == "") || hooked.Message != nil && string(hooked.Message.Content) != tc.content {
				t.Errorf("%s", text)
			}
			if tc.err.Code == "" {
				if len(hooked.UserErrors) > 0 {
					t.Errorf("%s", text)
				}
				return
			}
			if len(hooked.UserErrors) != 1 || hooked.UserErrors[0].Code != tc.err.Code || !strings.Contains(hooked.UserErrors[0].Message, tc.err.Message) ||
				!slices.Equal(hooked.UserErrors[0].Field[:3], []string{"input", "messages", "0"}) {
				t.Errorf("%s", text)
			}
		})
	}
}

func TestHookTellsItsCallsAndItsNewestLines(t *testing.T) {
	w := mustWorld(t)
	must(t)(w.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: new("ag"), Name: "AG"}))
	s := w.mustSession(t, "SESSION", engine.ResolveSessionInput{AgentGroupID: "ag"})
	w.install(t, "h", "REDACT", engine.HookChanges{})
	for range 3 {
		w.query(t, writeText, map[string]any{"session": s.ID, "text": "hello"})
	}
	var answer struct {
		Data struct {
			Hook struct {
				Stats struct {
					Calls       int
					FuelPerCall int
					P50Micros   float64
				}
				Log []engine.HookLogEntry
			}
		}
	}
	text := w.query(t, `{ hook(name: "h") { stats { calls fuelPerCall p50Micros } log(last: 2) { at level message } } }`, nil)
	mustDecode(t, text, &answer)
	h := answer.Data.Hook
	if h.Stats.Calls != 3 || h.Stats.FuelPerCall <= 0 || h.Stats.P50Micros <= 0 {
		t.Errorf("%s", text)
	}
	if len(h.Log) != 2 || h.Log[1].Message != "a message" || h.Log[1].Level != "info" || h.Log[1].At.Hour() != 12 {
		t.Errorf("%s", text)
	}
}

// A record that cannot be read is mended by installing the hook again; until
// then its policy applies, to everything, and the other hooks work.
func TestHookWithADamagedRecordFailsUntilItIsInstalledAgain(t *testing.T) {
	w := mustWorld(t)
	must(t)(w.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: new("ag"), Name: "AG"}))
	s := w.mustSession(t, "SESSION", engine.ResolveSessionInput{AgentGroupID: "ag"})
	w.install(t, "h", "OLD", engine.HookChanges{})
	mustExec(t, filepath.Join(w.dir, "engine.db"), `UPDATE hooks SET scope = '{"kinds":' WHERE name = 'h'`)
	w.install(t, "other", "REDACT", engine.HookChanges{}) // reads all
	write := func() []byte { return w.query(t, writeText, map[string]any{"session": s.ID, "text": "hello"}) }
	if answer := write(); bytes.Count(answer, []byte(`"HOOK_FAILED"`)) != 2 {
		t.Errorf("with the damage: %s", answer)
	}
	shown := w.query(t, `{ hook(name: "h") { problem points version { active shape } } other: hook(name: "other") { problem } }`, nil)
	if !bytes.Contains(shown, []byte(`"active":false,"shape":"REACTOR"`)) || bytes.Count(shown, []byte(`"problem":null`)) != 1 {
		t.Errorf("%s", shown)
	}
	w.install(t, "h", "OLD", engine.HookChanges{})
	if answer := write(); bytes.Count(answer, []byte(`"WRITTEN"`)) != 2 || bytes.Count(answer, []byte("redacted")) != 1 {
		t.Errorf("mended: %s", answer)
	}
}

func TestDryRunCostsTheSameEachTime(t *testing.T) {
	w := mustWorld(t)
	w.install(t, "h", "REDACT", engine.HookChanges{})
	run := func() []byte {
		return w.query(t, `mutation { dryRunHooks(input: {point: ON_MESSAGE, content: {text: "hello"}}) { steps { fuel memoryBytes } userErrors { message } } }`, nil)
	}
	first, second := run(), run()
	if !bytes.Equal(first, second) || !bytes.Contains(first, []byte(`"fuel":`)) || bytes.Contains(first, []byte(`"fuel":0`)) {
		t.Errorf("first %s, then %s", first, second)
	}
}

const installText = `mutation($module: Base64!) { installHook(input: {name: "h", module: $module}) { hook { version { shape } points } userErrors { code message field } } }`

func (w *world) installed(t *testing.T, module []byte) (hook json.RawMessage, errs []userError) {
	t.Helper()
	var answer struct {
		Data struct {
			InstallHook struct {
				Hook       json.RawMessage
				UserErrors []userError
			}
		}
	}
	mustDecode(t, w.query(t, installText, map[string]any{"module": base64.StdEncoding.EncodeToString(module)}), &answer)
	return answer.Data.InstallHook.Hook, answer.Data.InstallHook.UserErrors
}

// Its body has 43 MiB, and its size is the engine's to judge.
func TestModuleOf32MiBReachesTheEngineByDefault(t *testing.T) {
	w := mustWorld(t)
	hook, errs := w.installed(t, make([]byte, 32<<20+1))
	if len(errs) != 1 || errs[0].Code != "LIMIT_EXCEEDED" || !slices.Equal(errs[0].Field, []string{"input", "module"}) {
		t.Errorf("hook %s, errors %.300v", hook, errs)
	}
}

func TestScriptIsInstalledAsItsText(t *testing.T) {
	if _, err := os.Stat("../engine/hooks/quickjs/quickjs.wasm"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("quickjs.wasm is not here: make takes it from npm")
	}
	w := mustWorld(t)
	hook, errs := w.installed(t, []byte("export function onMessage(message) { message.content.text = 'x'; return message }\n"))
	if want := `{"version":{"shape":"SCRIPT"},"points":["ON_MESSAGE"]}`; len(errs) > 0 || string(hook) != want {
		t.Errorf("hook is %s, not %s; errors %v", hook, want, errs)
	}
}
