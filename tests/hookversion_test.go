package tests_test

import "testing"

func TestARollbackGoesBackToWhatWasInUse(t *testing.T) {
	s := hooked(t)
	version := func(name string) string {
		return `export function onMessage(m) { m.content.text = "` + name + `"; return m }`
	}
	rollback := func() {
		t.Helper()
		var out struct {
			RollbackHook struct{ UserErrors []userError }
		}
		s.engine.MustQuery(t, `mutation { rollbackHook(input: {name: "sign"}) { userErrors { message } } }`, nil, &out)
		if errors := out.RollbackHook.UserErrors; len(errors) > 0 {
			t.Fatalf("roll back: %+v", errors)
		}
	}
	check := func(want string) {
		t.Helper()
		if got := s.stored(t, saying("")); got != `{"text":"`+want+`"}` {
			t.Errorf("stored: %s, not %s", got, want)
		}
	}
	s.install(t, "sign", version("good"))
	s.install(t, "sign", version("bad"))
	check("bad")
	rollback()
	check("good")
	s.install(t, "sign", version("worse"))
	check("worse")
	rollback() // not to the bad one, which was not in use when the worse one came
	check("good")
}
