package hooks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinbox/twinbox/engine"
)

// burning takes at least so many million units of fuel.
func burning(millions int) string {
	return fmt.Sprintf("i32.const 100 i32.const %d i32.store8 0 0 loop ", millions) + strings.Repeat("i32.const 0 i32.const 0 i32.const 65536 memory.copy ", 123) +
		"i32.const 100 i32.const 100 i32.load8_u 0 0 i32.const -1 i32.add i32.store8 0 0 i32.const 100 i32.load8_u 0 0 br_if 0 end"
}

func TestAStartHasFuelByTheCalls(t *testing.T) {
	for _, c := range []struct {
		fuel  int64
		burns int
		runs  bool
		given string
	}{
		{fuel: 1_000_000, burns: 30, runs: true}, // what a program's runtime needs
		{fuel: 1_000_000, burns: 80, given: "40,000,000"},
		{fuel: 20_000_000, burns: 80, runs: true},
		{fuel: 20_000_000, burns: 160, given: "100,000,000"},
		{fuel: 40_000_000, burns: 160, runs: true},
		{fuel: 40_000_000, burns: 240, given: "200,000,000"},
		{fuel: 100_000_000, burns: 240, given: "200,000,000"},
		{fuel: 400_000_000, burns: 240, runs: true},
	} {
		b := mustOpen(t)
		b.mustUse("slow", answering("").doing("_initialize", burning(c.burns)).bytes(), func(r *engine.HookRecord) { r.Limits.Fuel = c.fuel })
		_, _, err := b.message("a")
		switch {
		case c.runs && err != nil:
			t.Errorf("%d units, %d million to start: %v", c.fuel, c.burns, err)
		case !c.runs:
			mustFail(t, err, engine.CodeHookFailed, "_initialize ran out of fuel: it was given "+c.given+" units")
		}
	}
}

// One that is made anew for each call does what a call's fuel does not bound:
// who looks at the hook sees it.
func TestStartsAreCounted(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("slow", answering("").doing("_initialize", burning(20)).doing("on_message", "i32.const 10 memory.grow drop").bytes(),
		func(r *engine.HookRecord) { r.Limits.MemoryBytes = 16 << 16 })
	b.mustUse("quick", answering("").bytes())
	const calls = 3
	for range calls {
		if _, _, err := b.message("a"); err != nil {
			t.Fatal(err)
		}
	}
	slow, quick := b.State("slow").Stats, b.State("quick").Stats
	if slow.Starts != calls || *slow.FuelPerStart < 20_000_000 || *slow.StartMicros <= 0 || *slow.FuelPerCall > 2_000_000 {
		t.Errorf("%d starts in %d calls, of %d units and %v µs", slow.Starts, calls, *slow.FuelPerStart, *slow.StartMicros)
	}
	if quick.Starts != 1 {
		t.Errorf("%d starts of one that stays", quick.Starts)
	}
	if n := b.metric("starts_total", "slow"); n != calls {
		t.Errorf("%v starts in the metrics", n)
	}
	if fuel := b.metric("start_fuel_total", "slow"); fuel != float64(calls**slow.FuelPerStart) {
		t.Errorf("%v units in the metrics", fuel)
	}
	if s := b.metric("start_seconds_total", "slow"); s <= 0 {
		t.Errorf("%v seconds in the metrics", s)
	}
}
