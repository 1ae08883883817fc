package tests_test

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/tests/internal/engineproc"
	"github.com/twinbox/twinbox/tests/internal/guest"
)

// As it is shipped the engine collects seldom, and gives memory back once it is
// quiet. After a day's work with hooks that mean well it has what it keeps for
// hooks of all shapes, and what Go notes of a heap that was once large; from there
// on it returns to within a tenth of what it had before, after each of four parts
// of all that is hostile, and after all of it once more.
func TestWhatHostileHooksTookIsGivenBack(t *testing.T) {
	t.Parallel()
	a := arena{newSessionIn(t, engineproc.PlainBinary(t))}
	a.installGood(t)
	for range 8 {
		a.meetAll(t, "behaving", wellMeant())
		a.stored(t, saying("hello", attachment("large.bin", "application/octet-stream", strings.Repeat("x", 20<<20))))
	}
	before := a.givenBack(t, math.MaxInt64)
	kinds := hostiles()
	parts := [][]hostile{kinds[0], slices.Concat(kinds[1:4]...), kinds[4], slices.Concat(kinds[5:]...)}
	for _, part := range append(parts, slices.Concat(kinds...)) {
		a.meetAll(t, "hostile", part)
		before = a.givenBack(t, before+before/10)
	}
}

func (a arena) meetAll(t *testing.T, name string, hooks []hostile) {
	t.Run(name, func(t *testing.T) {
		for _, h := range hooks {
			t.Run(h.name, func(t *testing.T) { a.meet(t, h) })
		}
	})
}

// wellMeant are hooks of all shapes. Some are large or use much, some have a
// mistake.
func wellMeant() []hostile {
	const large = 15 << 20
	module := binary.AppendUvarint(append(guest.Reactor().Bytes(), 0), large+2) // a section of its own, which is called x
	list := []hostile{
		{name: "a module of 15 MiB", module: append(append(module, 1, 'x'), make([]byte, large)...)},
		{name: "memory of 32 MiB", module: does("on_message", "i32.const 500 memory.grow drop i64.const 0").Bytes()},
		{name: "another content", module: answers(`{"action":"replace","content":{"text":"` + strings.Repeat("x", 50_000) + `"}}`)},
		{name: "a file that passes", module: does("on_attachment", "i64.const 0").Bytes(), file: true},
		{name: "a command", module: guest.Command("").Bytes()},
		{name: "an answer with a mistake", module: answers(`{"action":"pas"}`), failure: `the action "pas"`},
		{name: "a module that is cut off", module: guest.Reactor().Bytes()[:60], refused: "the module"},
	}
	if hooks.HasScripts() {
		text := "export function onMessage(m) { return {content: {text: m.content.text + '!'}} }"
		list = append(list, hostile{name: "a script", module: []byte(text)}, hostile{name: "a script of 2 MB", module: []byte(text + "//" + strings.Repeat("x", 2_000_000))},
			hostile{name: "a script that throws", module: []byte("export function onMessage(m) { return m.no.such }"), failure: "onMessage threw TypeError"})
	}
	return list
}

// givenBack waits until the engine has collected and given back what it does not
// use, and has no more than most of its own: neither the pages of its files, nor
// heap that is free. It returns what it has.
func (a arena) givenBack(t *testing.T, most int64) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // after two Go collects anyhow
	defer cancel()
	peak := resident(t, a.engine.Pid(), "RssAnon")
	for {
		text := a.metrics(t)
		used := total(t, text, "go_memstats_heap_alloc_bytes")
		free := total(t, text, "go_memstats_heap_idle_bytes") - total(t, text, "go_memstats_heap_released_bytes")
		own := resident(t, a.engine.Pid(), "RssAnon") - free
		if used < 6<<20 && free < 8<<20 && own <= most { // 5 MB are live
			t.Logf("%d bytes of its own, after %d", own, peak)
			return own
		}
		select {
		case <-time.After(5 * time.Second): // to be asked is work, too
		case <-ctx.Done():
			t.Fatalf("the engine has %d bytes on its heap, keeps %d that are free, and has %d of its own, which should be no more than %d", used, free, own, most)
		}
	}
}
