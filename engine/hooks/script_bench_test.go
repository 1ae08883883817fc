package hooks_test

import (
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// upperScript parses, upper-cases, replaces by a regular expression, and
// serialises 110 bytes.
const upperScript = `export function onMessage(message) {
  message.content.text = message.content.text.toUpperCase().replace(/[A-Z0-9.]+@[A-Z0-9.]+/g, "<mail>");
  return message;
}`

const upperContent = `{"text":"Please write to ann@example.com or to bob@example.org as soon as you can, said the sender of this"}`

func BenchmarkScriptCall(b *testing.B) {
	s := mustOpenScripts(b)
	s.mustUse("script", []byte(upperScript))
	input := &scriptInput{text: messageText(upperContent)}
	call := engine.HookCall{Point: engine.HookOnMessage, Subject: input}
	if _, err := s.Run(b.Context(), call); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Run(b.Context(), call); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(*s.State("script").Stats.FuelPerCall), "fuel/op")
}

func BenchmarkScriptInstance(b *testing.B) {
	s := mustOpenScripts(b)
	r := s.mustAdd("script", []byte(upperScript))
	input := &scriptInput{text: messageText(upperContent)}
	s.Use([]engine.HookRecord{r})
	if _, err := s.Run(b.Context(), engine.HookCall{Point: engine.HookOnMessage, Subject: input}); err != nil {
		b.Fatal(err)
	}
	var memory int64
	for b.Loop() {
		steps, _, err := s.DryRun(b.Context(), engine.HookCall{Point: engine.HookOnMessage, Subject: input}, []engine.HookRecord{r})
		if err != nil {
			b.Fatal(err)
		}
		memory = steps[0].MemoryBytes
	}
	b.ReportMetric(float64(memory), "memory-bytes")
}
