package metering_test

import (
	"math"
	"testing"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

// cell is a global of no instance.
type cell uint64

func (c *cell) Get() uint64  { return uint64(*c) }
func (c *cell) Set(v uint64) { *c = cell(v) }

func TestAChargeNeverRefills(t *testing.T) {
	for _, c := range []struct {
		fuel  int64
		units uint64
		paid  bool
		left  int64
	}{
		{100, 0, true, 100}, {100, 40, true, 60}, {100, 100, true, 0}, {100, 101, false, 0},
		{100, math.MaxInt64, false, 0}, {100, math.MaxInt64 + 1, false, 0}, {100, math.MaxUint64, false, 0},
		{1 << 40, 1 << 30, true, 1<<40 - 1<<30}, {1 << 40, 1 << 40, true, 0}, {1 << 40, 1<<40 + 1, false, 0},
		{math.MaxInt64, math.MaxInt64, true, 0}, {math.MaxInt64, math.MaxInt64 + 1, false, 0},
		{0, 0, true, 0}, {0, 1, false, 0}, {-1, 0, false, 0}, {math.MinInt64, math.MaxUint64, false, 0},
	} {
		var fuel, depth, reserve cell
		g := metering.Gauge{Fuel: &fuel, Depth: &depth, Reserve: &reserve}
		g.Fill(c.fuel, 5)
		paid := g.Charge(c.units)
		out := g.Exhausted() == metering.OutOfFuel
		if paid != c.paid || g.Left() != c.left || out == c.paid {
			t.Errorf("%d of %d: paid %v, %d left, out of %q", c.units, c.fuel, paid, g.Left(), g.Exhausted())
		}
	}
}

func TestAGaugeTellsWhatRanOut(t *testing.T) {
	var fuel, depth, reserve cell
	g := metering.Gauge{Fuel: &fuel, Depth: &depth, Reserve: &reserve}
	g.Fill(1, 1)
	if out := g.Exhausted(); out != metering.Neither {
		t.Errorf("full, out of %q", out)
	}
	depth = cell(uint64(math.MaxUint32)) // -1, as wazero holds an i32
	if out := g.Exhausted(); out != metering.OutOfDepth {
		t.Errorf("without depth, out of %q", out)
	}
	fuel = math.MaxUint64
	if out := g.Exhausted(); out != metering.OutOfFuel {
		t.Errorf("without both, out of %q", out)
	}
}
