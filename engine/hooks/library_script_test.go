package hooks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

func mustRunScripts(t *testing.T) {
	t.Helper()
	if !hooks.RunsScripts() {
		t.Skip("QuickJS was not built in: run make first")
	}
}

const aScript = "export function onSession() {}\nexport function onMessage() {}\n"

func TestScriptsArePreparedOnceAndShareQuickJS(t *testing.T) {
	mustRunScripts(t)
	s := mustOpenLibrary(t)
	v := s.mustAdd([]byte(aScript))
	if v.Shape != engine.HookScript || !slices.Equal(v.Handles, []engine.HookPoint{engine.HookOnMessage, engine.HookOnSession}) {
		t.Fatalf("added %+v", v)
	}
	other := s.mustAdd([]byte("export function onMessage() { return reject('no') }"))
	if n := s.compiled(); n != 3 {
		t.Fatalf("compiled %d times, not QuickJS and two scripts", n)
	}
	if err := s.Keep(v.SHA256, other.SHA256); err != nil {
		t.Fatal(err)
	}
	s.reopen()
	if err := s.Keep(v.SHA256, other.SHA256); err != nil {
		t.Fatal(err)
	}
	if !s.mustLoad(v).SharesCode(s.mustLoad(other)) {
		t.Error("each script has a QuickJS of its own")
	}
	if n := s.compiled(); n != 3 {
		t.Fatalf("compiled %d times after a restart", n)
	}
}

func TestAScriptThatIsRefusedSaysWhere(t *testing.T) {
	s := mustOpenLibrary(t)
	for text, says := range map[string]string{
		"export function onMessage( {":                    "1:",
		"export const size = 3":                           "onMessage",
		"import fs from 'fs'; export { fs as onMessage }": "\"fs\"",
	} {
		_, err := s.Add(t.Context(), []byte(text))
		if engine.CodeOf(err) != engine.CodeInvalidInput || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Reading a script takes stack that grows with what is nested in it, which no
// recover can stop.
func TestAScriptNestedTooDeeplyEndsItsCompilerOnly(t *testing.T) {
	s := mustOpenLibrary(t)
	for _, text := range []string{
		strings.Repeat("(", 1<<21) + "1" + strings.Repeat(")", 1<<21),
		strings.Repeat("[", 3<<20),
		"x = " + strings.Repeat("!", 3<<20) + "1",
	} {
		_, err := s.Add(t.Context(), []byte("export function onMessage() {}\n"+text))
		if code := engine.CodeOf(err); code != engine.CodeInvalidInput && code != engine.CodeLimitExceeded {
			t.Errorf("%.20s…: %v", text, err)
		}
	}
}
