package engine_test

import (
	"encoding/json"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// What a hook judges is what most readers take a key for that is there twice.
func TestOfAKeyThatIsThereTwiceHooksSeeTheLast(t *testing.T) {
	const twice, want = `"{\"text\":\"a\",\"text\":\"b\"}"`, `{"text":"b"}`
	for _, p := range []engine.HookPoint{engine.HookOnMessage, engine.HookOnReply} {
		of := func(content string) engine.HookSubject {
			m := engine.HookMessage{Content: json.RawMessage(content)}
			u, err := engine.NewHookSubject(p, engine.HookSample{Message: m, Reply: m})
			must(t, err)
			return u
		}
		if got := string(of(twice).Describe()); got != want {
			t.Errorf("%s: of a sample it sees %s, not %s", p, got, want)
		}
		u := of(`"hello"`)
		must(t, u.Replace(engine.HookAnswer{Content: json.RawMessage(twice)}))
		if got := string(u.Describe()); got != want {
			t.Errorf("%s: of what another hook gave it sees %s, not %s", p, got, want)
		}
	}
}
