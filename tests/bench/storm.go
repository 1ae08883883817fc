package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// stops is how often each storm is let loose in one round.
const stops = 5

// storm is a hook that would never end, or not soon.
type storm struct {
	name   string // a hook's, too
	module []byte
	deep   bool // it runs out of depth, not of fuel
}

func storms() []storm {
	// fill, then grow: what the length or the page count makes dear.
	fill := "\x41\x00\x41\x01" + i32Const(32<<20) + "\xfc\x0b\x00"
	grow := "\x41\x01\x40\x00\x1a"
	// next is a pseudo-random number, which stays in the first parameter.
	next := "\x20\x00" + i32Const(1664525) + "\x6c" + i32Const(1013904223) + "\x6a\x22\x00"
	// touch writes to each page of 128 MiB, since pages that nobody wrote to are
	// one and the same in the machine's memory; chase then reads from any of
	// them, and needs what it read to know where to read next.
	touch := "\x03\x40\x20\x01\x41\x00\x36\x02\x00\x20\x01" + i32Const(4096) + "\x6a\x22\x01" + i32Const(128<<20) + "\x49\x0d\x00\x0b"
	chase := next + i32Const(128<<20-4) + "\x71\x28\x02\x00\x20\x00\x6a\x21\x00"
	return []storm{
		{"endless-loop", stormModule(512, forever("")), false},
		{"doubling-calls", doubling(), false},
		{"jump-table", stormModule(1, forever(maze(64, next))), false},
		{"memory-chase", stormModule(2048, touch+forever(chase)), false},
		{"memory-fill", stormModule(512, forever(fill)), false},
		{"memory-grow", stormModule(1, forever(grow)), false},
		{"host-calls", stormModule(1, forever("\x10\x00\x1a")), false},
		{"recursion", stormModule(1, "\x20\x00\x20\x01\x10\x03"), true},
	}
}

// forever is code in a loop, which leaves nothing on the stack.
func forever(code string) string { return "\x03\x40" + code + "\x0c\x00\x0b\x42\x00" }

// maze jumps to one of n places by chance.
func maze(n int, next string) string {
	code := strings.Repeat("\x02\x40", n) + next + "\x41\x10\x76" + i32Const(n-1) + "\x71\x0e" + unsigned(n-1)
	for i := range n {
		code += unsigned(i)
	}
	for i := range n {
		code += "\x0b\x20\x01" + i32Const(i) + "\x6a\x21\x01\x0c" + unsigned(n-1-i)
	}
	return code
}

// doubling has 33 functions without a loop, each calling the next twice.
func doubling() []byte {
	const depth = 33
	var functions []string
	for i := range depth {
		functions = append(functions, strings.Repeat("\x10"+unsigned(5+i), 2))
	}
	return stormModule(1, "\x10\x04\x10\x04\x42\x00", append(functions, "\x01")...)
}

// stormModule is a reactor. Function 0 is the host's sched_yield, 3 on_message,
// and those from 4 on have neither parameters nor results.
func stormModule(pages int, onMessage string, others ...string) []byte {
	types := []string{"\x60\x00\x01\x7f", "\x60\x01\x7f\x01\x7f", "\x60\x02\x7f\x7f\x01\x7e", "\x60\x00\x00"}
	functions := []string{"\x00", "\x01", "\x02"}
	bodies := []string{body("\x41\x01"), body("\x41\x10"), body(onMessage)}
	for _, code := range others {
		functions = append(functions, "\x03")
		bodies = append(bodies, body(code))
	}
	m := "\x00asm\x01\x00\x00\x00"
	for _, s := range []struct {
		id      string
		entries []string
	}{
		{"\x01", types},
		{"\x02", []string{sized("wasi_snapshot_preview1") + sized("sched_yield") + "\x00\x00"}},
		{"\x03", functions},
		{"\x05", []string{"\x00" + unsigned(pages)}},
		{"\x07", []string{sized("memory") + "\x02\x00", sized("hook_abi_version") + "\x00\x01",
			sized("hook_alloc") + "\x00\x02", sized("on_message") + "\x00\x03"}},
		{"\x0a", bodies},
	} {
		m += s.id + sized(unsigned(len(s.entries))+strings.Join(s.entries, ""))
	}
	return []byte(m)
}

func body(code string) string { return sized("\x00" + code + "\x0b") }

func sized(s string) string { return unsigned(len(s)) + s }

func unsigned(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

func i32Const(n int) string {
	b := []byte{0x41}
	for ; n > 63; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return string(append(b, byte(n)))
}

// stop measures how long a storm runs until it is stopped, with all that
// belongs to it: the instance is made anew each time.
func (h *hookHost) stop(s storm) side {
	return func(ctx context.Context, _ int) (sample, error) {
		input, err := chatInput(ctx)
		if err != nil {
			return sample{}, err
		}
		took, err := measure(1, stops, func(int, int) error {
			err := h.call(ctx, s.name, ready(input), engine.HookOnMessage, engine.HookFailed)
			if engine.CodeOf(err) != engine.CodeHookFailed {
				return fmt.Errorf("%s did not fail: %w", s.name, err)
			}
			return nil
		})
		if spent := h.State(s.name).Stats.FuelPerCall; err == nil && !s.deep && (spent == nil || *spent < engine.DefaultHookLimits().Fuel) {
			err = fmt.Errorf("%s ended before its fuel did", s.name)
		}
		return took, err
	}
}

// collect measures collections of garbage while a storm lasts, which has to be
// stopped for each. Its input buys it seconds.
func (h *hookHost) collect(storm string) side {
	return func(ctx context.Context, _ int) (sample, error) {
		ended := make(chan error, 1)
		go func() {
			ended <- h.call(ctx, storm, ready(make([]byte, 64<<10)), engine.HookOnMessage, engine.HookFailed)
		}()
		var took []time.Duration
		for begun := time.Now(); ; {
			at := time.Now()
			runtime.GC()
			took = append(took, time.Since(at))
			select {
			case err := <-ended:
				if engine.CodeOf(err) != engine.CodeHookFailed {
					return sample{}, fmt.Errorf("%s did not fail: %w", storm, err)
				}
				return summarise(took, time.Since(begun)), nil
			default:
			}
		}
	}
}
