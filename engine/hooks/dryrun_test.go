package hooks_test

import (
	"fmt"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

func TestADryRunTellsEachStep(t *testing.T) {
	b := mustOpen(t)
	log := imported{module: "engine", name: "log", signature: "i32 i32 i32->"}
	talking := guest{reactor(), `{"action":"replace","content":"new"}`}
	talking.assembly = talking.importing(log)
	chain := []engine.HookRecord{
		b.mustAdd("passes", answering("").bytes()),
		b.mustAdd("bad", answering("nonsense").bytes(), func(r *engine.HookRecord) { r.OnFailure = engine.HookSkip }),
		b.mustAdd("talks", talking.doing("on_message", "i32.const 2 i32.const 4096 i32.const 9 call 0").bytes()),
		b.mustAdd("rejects", answering(`{"action":"reject","reason":"no"}`).bytes()),
		b.mustAdd("unreached", answering("").bytes()),
	}
	var fuel []int64
	for range 2 {
		steps, action, err := b.DryRun(t.Context(), onMessage("a", &subject{content: `"old"`}), chain)
		if err != nil || action != engine.HookRejected || len(steps) != 4 {
			t.Fatalf("%v, %s, %v", steps, action, err)
		}
		var told []string
		for _, s := range steps {
			reason := ""
			if s.Reason != nil {
				reason = *s.Reason
			}
			told = append(told, fmt.Sprint(s.Hook, s.Action, string(s.Input), string(s.Output), s.Log, reason[:min(len(reason), 11)]))
			if s.Micros <= 0 || s.Fuel <= 0 || s.MemoryBytes != 1<<16 {
				t.Errorf("%+v", s)
			}
			fuel = append(fuel, s.Fuel)
		}
		want := []string{`passesPASS"old"[]`, `badSKIPPED"old"[]it answered`, `talksREPLACE"old""new"[warn: {"action"]`, `rejectsREJECT"new"[]no`}
		if fmt.Sprintf("%q", told) != fmt.Sprintf("%q", want) {
			t.Errorf("%q", told)
		}
	}
	for i := range 4 {
		if fuel[i] != fuel[4+i] {
			t.Errorf("the same cost %d, then %d", fuel[i], fuel[4+i])
		}
	}
	if s := b.State("passes").Stats; s.Calls != 0 {
		t.Errorf("%+v", s)
	}
}

func TestProbeTellsARefusedConfiguration(t *testing.T) {
	b := mustOpen(t)
	refuses := answering("").doing("hook_init", fmt.Sprintf("i64.const %d", int64(answerAt)<<32|9))
	refuses.answer = "no colour"
	r := b.mustAdd("picky", refuses.bytes())
	err := b.Probe(t.Context(), r)
	mustFail(t, err, engine.CodeInvalidInput, "hook_init refused the configuration: no colour")
	if e := err.(*engine.Error); len(e.Field) != 1 || e.Field[0] != "config" {
		t.Errorf("%v", e.Field)
	}
	err = b.Probe(t.Context(), b.mustAdd("talks", answering("").doing("hook_init", fmt.Sprintf("i64.const %d", 16<<32|2000)).bytes()))
	mustFail(t, err, engine.CodeInvalidInput, "2,000 bytes, more than the 1,500 that are allowed (what a refusal of the configuration may say)")
	err = b.Probe(t.Context(), b.mustAdd("old", answering("").doing("hook_abi_version", "i32.const 7").bytes()))
	mustFail(t, err, engine.CodeInvalidInput, "returned 7")
	if e := err.(*engine.Error); len(e.Field) != 1 || e.Field[0] != "module" {
		t.Errorf("%v", e.Field)
	}
	if err := b.Probe(t.Context(), b.mustAdd("fine", answering("").bytes())); err != nil {
		t.Error(err)
	}
	if n := b.metric("memory_bytes"); n != 0 {
		t.Errorf("%v bytes are left", n)
	}
}
