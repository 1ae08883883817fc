package hooks_test

import (
	"context"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// ready is a subject whose input is there, as a message's is in the engine.
type ready struct {
	subject
	input []byte
}

func (r *ready) Release() {}

func (r *ready) AppendInput(_ context.Context, b []byte) ([]byte, error) {
	return append(b, r.input...), nil
}

func (r *ready) Replace(engine.HookAnswer) error { return nil }

// small is a message of some 100 bytes.
const small = `{"abi":1,"point":"on_message","session":{"id":"sess-1","agentGroupId":"a"},"message":{"kind":"chat"},` +
	`"content":{"text":"hello there, all is well here and now","meta":{"lang":"en","n":3,"tags":["a","b"]}}}`

func upper(b *testing.B) (*bench, engine.HookRecord) {
	h := mustOpen(b)
	h.mustUse("upper", mustBuild(b, "./testdata/upper", "-buildmode=c-shared"))
	mustLoadProgram(b, h)
	return h, h.records[0]
}

// BenchmarkPass is a call that passes: two or three calls into the guest.
func BenchmarkPass(b *testing.B) {
	h, goHook := upper(b)
	for _, c := range []struct {
		name  string
		r     engine.HookRecord
		point engine.HookPoint
	}{{"go", goHook, engine.HookOnSession}, {"smallest", h.mustAdd("smallest", answering("").bytes()), engine.HookOnMessage}} {
		b.Run(c.name, func(b *testing.B) {
			g, err := h.NewCaller(b.Context(), c.r)
			if err != nil {
				b.Fatal(err)
			}
			defer g.Close()
			input := []byte(small)
			b.ReportAllocs()
			for b.Loop() {
				if err := g.Call(c.point, input, c.r.Limits.Fuel); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRun is a message's way through a chain.
func BenchmarkRun(b *testing.B) {
	run := func(name string, h *bench, s engine.HookSubject) {
		b.Run(name, func(b *testing.B) {
			call := onMessage("a", s)
			if r, ok := s.(*ready); ok && r.point != "" {
				call.Point = r.point
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Run(b.Context(), call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	passing := mustOpen(b)
	passing.mustUse("one", answering("").bytes())
	run("pass", passing, &ready{input: []byte(small)})
	for _, name := range []string{"two", "three", "four"} {
		passing.mustUse(name, answering("").bytes())
	}
	run("pass-4", passing, &ready{input: []byte(small)})
	goHook, _ := upper(b)
	run("go-json", goHook, &ready{input: []byte(small)})
	run("go-attachment-1MiB", goHook, &ready{input: []byte(frame("{}", strings.Repeat("x", 1<<20))), subject: subject{point: engine.HookOnAttachment}})
	echo := answering(`{"action":"replace","content":"` + strings.Repeat("text ", 1<<20/5) + `"}`)
	echo.memories = []string{"\x00\x40"}
	texts := mustOpen(b)
	texts.mustUse("text", echo.doing("hook_alloc", "i32.const 2000000").bytes())
	run("text-1MiB", texts, &ready{input: []byte(`{"content":"` + strings.Repeat("text ", 1<<20/5) + `"}`)})
}

func BenchmarkApplies(b *testing.B) {
	h := mustOpen(b)
	t := engine.HookTarget{AgentGroupID: "a", ChannelType: "mail", Kind: "chat"}
	for b.Loop() {
		if h.Applies(engine.HookOnMessage, t) {
			b.Fatal("there is no hook")
		}
	}
}

// BenchmarkInstantiate is what the first message of an agent group waits for.
func BenchmarkInstantiate(b *testing.B) {
	h, r := upper(b)
	for b.Loop() {
		if err := h.Probe(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
