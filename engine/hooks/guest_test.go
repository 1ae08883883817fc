package hooks_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// TestACommand holds what is shown on a program, which takes long to compile.
func TestACommand(t *testing.T) {
	b := mustOpen(t)
	r := b.mustAdd("tool", mustBuild(t, "./testdata/command"))
	if r.Versions[0].Shape != engine.HookCommand {
		t.Fatalf("it is a %s", r.Versions[0].Shape)
	}
	r.Limits.Fuel, r.Limits.OutputBytes = 400_000_000, 1<<20
	configured := func(config string) {
		r.Config = nil
		if config != "" {
			r.Config = json.RawMessage(config)
		}
		b.Use([]engine.HookRecord{r})
		mustLoadProgram(t, b)
	}
	for _, c := range []struct{ name, config, content, failure string }{
		{"is given its name, its point, its configuration and the input", `"show"`,
			`{"args":["tool","on_message"],"config":"show","was":"hello"}`, ""},
		{"has no configuration", "", `{"args":["tool","on_message"],"config":"","was":"hello"}`, ""},
		{"passes by answering nothing", `"pass"`, `"hello"`, ""},
		{"fails by its exit code", `"fail"`, "", "on_message exited with code 3: opening the box … the box is empty"},
		{"panics", `"panic"`, "", "exited with code 2: panic: no hope"},
		{"writes too much", `"flood"`, "", "an answer of more than the 1,048,576 bytes"},
		{"sleeps without taking time", `"sleep"`, `"1h0m0s"`, ""},
		{"finds no file and no environment", `"reach"`, `{"found":null}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			configured(c.config)
			content, _, err := b.message("a")
			if c.failure != "" {
				mustFail(t, err, engine.CodeHookFailed, c.failure)
			} else if content != c.content || err != nil {
				t.Errorf("%s, %v", content, err)
			}
			if n, bytes := b.metric("instances"), b.metric("memory_bytes"); n != 0 || bytes != 0 {
				t.Errorf("%v instances are left, %v bytes", n, bytes)
			}
		})
	}
	t.Run("logs what it writes to standard error", func(t *testing.T) {
		var lines []string
		for _, e := range b.Log("tool", 100) {
			lines = append(lines, e.Level+" "+e.Message)
		}
		if text := strings.Join(lines, "\n"); !strings.Contains(text, "warn opening the box\nwarn the box is empty\nerror on_message failed: ") {
			t.Error(text)
		}
	})
	t.Run("gets an attachment as a frame", func(t *testing.T) {
		configured(`"show"`)
		s := &subject{point: engine.HookOnAttachment, bytes: "abc"}
		_, err := b.Run(t.Context(), engine.HookCall{Point: engine.HookOnAttachment, Subject: s})
		if want := `ABC{"abi":1,"config":"show","point":"on_attachment"}`; s.bytes != want || err != nil {
			t.Errorf("%s, %v", s.bytes, err)
		}
	})
	t.Run("costs the same each time it is tried", func(t *testing.T) {
		var fuel [2]int64
		for i := range fuel {
			steps, _, err := b.DryRun(t.Context(), onMessage("a", &subject{content: `"x"`}), []engine.HookRecord{r})
			if err != nil {
				t.Fatal(err)
			}
			fuel[i] = steps[0].Fuel
		}
		if fuel[0] != fuel[1] || fuel[0] == 0 {
			t.Error(fuel)
		}
	})
}

// mustLoadProgram waits until the program of the hook that is in use is
// loaded, which may take longer than a call waits.
func mustLoadProgram(t testing.TB, b *bench) {
	t.Helper()
	for {
		_, _, err := b.message("load")
		if engine.CodeOf(err) != engine.CodeUnavailable {
			return
		}
	}
}

func TestAGuestInGo(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("upper", mustBuild(t, "./testdata/upper", "-buildmode=c-shared"))
	mustLoadProgram(t, b)
	for range 100 {
		s := &subject{content: `{"text":"hello","meta":{"n":1}}`}
		action, err := b.Run(t.Context(), onMessage("a", s))
		if want := `{"text":"HELLO","meta":{"n":1}}`; s.content != want || action != engine.HookReplaced || err != nil {
			t.Fatalf("%s, %s, %v", s.content, action, err)
		}
	}
	for size := 1; size < 4<<20; size *= 8 {
		want := strings.Repeat("x", size)
		s := &subject{point: engine.HookOnAttachment, bytes: want}
		if action, err := b.Run(t.Context(), engine.HookCall{Point: engine.HookOnAttachment, Target: engine.HookTarget{AgentGroupID: "a"}, Subject: s}); s.bytes != want || action != engine.HookReplaced || err != nil {
			t.Fatalf("%d bytes: %d came back, %s, %v", size, len(s.bytes), action, err)
		}
	}
	if n := b.metric("instances"); n != 2 {
		t.Errorf("%v instances for two groups", n)
	}
}

func TestInputIsLimited(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("small", answering("").bytes(), func(r *engine.HookRecord) { r.Limits.InputBytes = 1000 })
	s := &subject{content: `""`, size: 1001}
	_, err := b.Run(t.Context(), onMessage("a", s))
	mustFail(t, err, engine.CodeHookFailed, "its input has 1,001 bytes, more than the 1,000 that are allowed")
	if s.appended != 0 {
		t.Error("it was read all the same")
	}
	_, err = b.Run(t.Context(), onMessage("a", &subject{content: strings.Repeat(" ", 1000)}))
	mustFail(t, err, engine.CodeHookFailed, "more than the 1,000")
}

func TestFuelGrowsWithTheInput(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("endless", answering("").doing("on_message", "loop br 0 end").doing("hook_alloc", "i32.const 80 memory.grow drop i32.const 16").bytes(),
		func(r *engine.HookRecord) { r.Limits.Fuel = 1_000_000 })
	for size, want := range map[int]string{1: "1,000,000", 32 << 10: "3,000,000", 100_000: "7,000,000", 4 << 20: "64,000,000"} {
		_, err := b.Run(t.Context(), onMessage("a", &subject{content: strings.Repeat(" ", size)}))
		mustFail(t, err, engine.CodeHookFailed, fmt.Sprintf("it was given %s units", want))
		b.Use(nil)
		b.Use(b.records)
	}
}

func TestALogIsLimitedAndPrintable(t *testing.T) {
	b := mustOpen(t)
	text := "first\x1b[31m\xffé" + strings.Repeat("x", 90)
	g := guest{reactor(), text}
	g.assembly = g.importing(imported{module: "engine", name: "log", signature: "i32 i32 i32->"})
	say := fmt.Sprintf("i32.const 3 i32.const 4096 i32.const %d call 0 ", len(text))
	b.mustUse("talks", g.doing("on_message", say+say+say).with64("drop i64.const 0").bytes(), func(r *engine.HookRecord) { r.Limits.LogBytes = 150 })
	if _, _, err := b.message("a"); err != nil {
		t.Fatal(err)
	}
	log := b.Log("talks", 100)
	if len(log) != 3 {
		t.Fatalf("%q", log)
	}
	if !strings.HasPrefix(log[0].Message, "first\\x1b[31m\uFFFDéxxx") || log[0].Level != "error" || !log[0].At.Equal(b.clock.now()) {
		t.Errorf("%+v", log[0])
	}
	if n := len(log[1].Message); n > 60 || !strings.Contains(log[2].Message, "limited to 150 bytes") {
		t.Errorf("%d, %q", n, log[2].Message)
	}
	if last := b.Log("talks", 1); len(last) != 1 || last[0] != log[2] {
		t.Errorf("%+v", last)
	}
	for range 2000 {
		if _, _, err := b.message("a"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.Log("talks", 1<<30)); n != 1000 {
		t.Errorf("%d lines are kept", n)
	}
}
