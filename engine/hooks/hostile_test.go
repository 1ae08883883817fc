package hooks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// TestHostileGuests: each costs its own call. After it the others work, and
// what it had is free again.
func TestHostileGuests(t *testing.T) {
	at := func(pointer, length uint32) string {
		return fmt.Sprintf("drop i64.const %d", int64(uint64(pointer)<<32|uint64(length)))
	}
	pass := answering("")
	const endless = "loop br 0 end"
	floods := func(imports ...imported) guest {
		g := pass
		g.assembly = g.importing(imports...)
		return g
	}
	random := imported{module: "wasi_snapshot_preview1", name: "random_get", signature: "i32 i32->i32"}
	write := imported{module: "wasi_snapshot_preview1", name: "fd_write", signature: "i32 i32 i32 i32->i32"}
	poll := imported{module: "wasi_snapshot_preview1", name: "poll_oneoff", signature: "i32 i32 i32 i32->i32"}
	exit := imported{module: "wasi_snapshot_preview1", name: "proc_exit", signature: "i32->"}
	log := imported{module: "engine", name: "log", signature: "i32 i32 i32->"}
	starting := pass
	starting.start = "\x03"
	starting.assembly = starting.with("", "->", asm(endless))
	for _, c := range []struct {
		name  string
		guest guest
		want  string // of the error; "" is none
	}{
		{"a length of 2³²−1", pass.with64(at(16, 1<<32-1)), "on_message returned a length of 4,294,967,295 bytes at 16, beyond its memory of 65,536"},
		{"a pointer at the end", pass.with64(at(65536, 1)), "on_message returned a length of 1 bytes at 65,536, beyond its memory of 65,536"},
		{"a range across the end", pass.with64(at(65530, 7)), "beyond its memory"},
		{"the last pointer there is", pass.with64(at(1<<32-1, 1<<32-1)), "beyond its memory"},
		{"a pointer of zero", pass.with64(at(0, 5)), "at 0, where no answer can be"},
		{"a length of zero", pass.with64(at(16, 0)), "to pass, return 0"},
		{"too long an answer", pass.with64(at(16, 5000)), "more than the 4,096 that are allowed"},
		{"an answer over its input", answering(`{"action":"replace","content":"x"}`).doing("on_message", "i32.const 16 i32.const 4096 i32.const 34 memory.copy").
			with64(at(16, 34)), ""},
		{"its input as the answer", pass.with64(at(16, 20)), "not JSON"},
		{"no room for the input", pass.doing("hook_alloc", "i32.const 0"), "hook_alloc returned 0"},
		{"room beyond memory", pass.doing("hook_alloc", "i32.const -1"), "hook_alloc returned 4,294,967,295"},
		{"room across the end", pass.doing("hook_alloc", "i32.const 65530"), "beyond its memory"},
		{"a trap in hook_alloc", pass.doing("hook_alloc", "unreachable"), "hook_alloc trapped: unreachable"},
		{"a trap in hook_init", pass.doing("hook_init", "unreachable"), "hook_init trapped"},
		{"a refused configuration of nonsense", pass.doing("hook_init", "i64.const -1"), "hook_init returned a length"},
		{"a trap in hook_done", answering(`{"action":"replace","content":"x"}`).doing("hook_done", "unreachable"), "hook_done trapped"},
		{"another version", pass.doing("hook_abi_version", "i32.const 2"), "hook_abi_version returned 2"},
		{"not UTF-8", answering("{\"action\":\"drop\",\"x\":\"\xff\"}"), "not UTF-8"},
		{"not JSON", answering("{'action':'drop'}"), "not JSON: at byte 1"},
		{"JSON that goes on", answering(`{"action":"drop"}{}`), "nothing after"},
		{"deep JSON", answering(`{"action":"drop","x":` + strings.Repeat("[", 1500)), "deeper than 512"},
		{"a list", answering(`["drop"]`), "a JSON object"},
		{"no action", answering(`{"content":"x"}`), `without "action"`},
		{"an action of another point", answering(`{"action":"remove"}`), `the action "remove"; at this point there are pass, replace, drop, reject`},
		{"two actions", answering(`{"action":"drop","\u0061ction":"pass"}`), `"action" twice`},
		{"an action that is none", answering(`{"action":1}`), "not a text"},
		{"an endless loop", pass.doing("on_message", endless), "on_message ran out of fuel: it was given 40,000,000 units"},
		{"an endless loop in hook_alloc", pass.doing("hook_alloc", endless+" i32.const 16"), "hook_alloc ran out of fuel"},
		{"an endless loop in hook_done", pass.doing("hook_done", endless), "hook_done ran out of fuel"},
		{"an endless loop in hook_init", pass.doing("hook_init", endless+" i64.const 0"), "hook_init ran out of fuel"},
		{"an endless loop in _initialize", pass.doing("_initialize", endless), "_initialize ran out of fuel"},
		{"an endless start", starting, "an instance of the module could not be made"},
		{"recursion", pass.doing("hook_done", "call 3"), "called deeper than the 8,192 frames"},
		{"memory to the limit", pass.doing("on_message", "loop i32.const 1 memory.grow i32.const -1 i32.ne br_if 0 end"), ""},
		{"a flood of random bytes", floods(random).doing("on_message", "loop i32.const 0 i32.const 65535 call 0 drop br 0 end"), "ran out of fuel"},
		{"a flood of writes", floods(write).doing("on_message", "loop i32.const 1 i32.const 0 i32.const 8191 i32.const 0 call 0 drop br 0 end"), "ran out of fuel"},
		{"a write of 2³²−1 vectors", floods(write).doing("on_message", "i32.const 2 i32.const 0 i32.const -1 i32.const 0 call 0 drop loop br 0 end"), "ran out of fuel"},
		{"a write that it cannot pay, at its end", floods(write).doing("on_message", "i32.const 2 i32.const 0 i32.const -1 i32.const 0 call 0 drop"), "on_message ran out of fuel"},
		{"a flood of waits", floods(poll).doing("on_message", "loop i32.const 0 i32.const 0 i32.const 1365 i32.const 0 call 0 drop br 0 end"), "ran out of fuel"},
		{"a flood of lines", floods(log).doing("on_message", "loop i32.const 1 i32.const 0 i32.const 60000 call 0 br 0 end"), "ran out of fuel"},
		{"a line beyond memory", floods(log).doing("on_message", "i32.const 1 i32.const -16 i32.const 32 call 0"), "engine.log was given 32 bytes at 4294967280"},
		{"an exit", floods(exit).doing("on_message", "i32.const 0 call 0"), "on_message exited with code 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := mustOpen(t)
			b.mustUse("good", answering(`{"action":"replace","content":"good"}`).bytes())
			b.mustUse("bad", c.guest.bytes(), func(r *engine.HookRecord) {
				r.Limits.OutputBytes, r.Limits.MemoryBytes, r.Scope.AgentGroupIDs = 4096, 8<<20, []string{"a"}
			})
			works := func() {
				t.Helper()
				if content, _, err := b.message("b"); content != `"good"` || err != nil {
					t.Errorf("%s, %v", content, err)
				}
			}
			works()
			before := b.metric("memory_bytes")
			for range 3 {
				_, _, err := b.message("a")
				if c.want == "" {
					if err != nil {
						t.Fatal(err)
					}
					continue
				}
				mustFail(t, err, engine.CodeHookFailed, `hook "bad" failed at on_message: `, c.want)
			}
			works()
			// The good hook's instance for the other group is idle, too.
			if after := b.metric("memory_bytes"); c.want != "" && after > before+1<<16 || after > before+2<<16 {
				t.Errorf("%v bytes are in use; before it were %v", after, before)
			}
		})
	}
}

// with64 is g with another result, which drops the parameter that is on top.
func (g guest) with64(result string) guest {
	for i, f := range g.functions {
		if f.export == "on_message" {
			g = guest{g.assembly.with(f.export, f.signature, strings.TrimSuffix(g.functions[i].code, asm(g.result()))+asm("local.get 0 "+result)), g.answer}
		}
	}
	return g
}
