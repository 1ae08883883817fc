package metering

import "math"

// Global is a mutable global of an instance, as wazero's api.MutableGlobal.
type Global interface {
	Get() uint64
	Set(uint64)
}

// Gauge is how the host reads and sets what an instance has left. Like the
// instance it serves one goroutine at a time.
type Gauge struct{ Fuel, Depth Global }

// Resource is what an instance can run out of.
type Resource string

const (
	// Neither: a trap was the module's own.
	Neither    Resource = ""
	OutOfFuel  Resource = "fuel"
	OutOfDepth Resource = "depth"
)

// Fill gives the instance what a call may use. fuel and depth are not negative.
func (g Gauge) Fill(fuel int64, depth int32) {
	g.Fuel.Set(uint64(fuel))
	g.Depth.Set(uint64(uint32(depth)))
}

// Left is the fuel that is left, 0 when it ran out.
func (g Gauge) Left() int64 { return max(0, int64(g.Fuel.Get())) }

// Charge takes units for what a host function is about to do, and reports
// whether there were enough. If not, the fuel is out: the host function does
// nothing and returns, and the module traps at its next charge.
func (g Gauge) Charge(units uint64) bool {
	left := int64(g.Fuel.Get())
	if left < 0 || units > math.MaxInt64 || int64(units) > left {
		g.Fuel.Set(math.MaxUint64) // -1
		return false
	}
	g.Fuel.Set(uint64(left - int64(units)))
	return true
}

// Exhausted says what the instance ran out of. Ask when a call has failed: the
// instance must not be used again.
func (g Gauge) Exhausted() Resource {
	switch {
	case int64(g.Fuel.Get()) < 0:
		return OutOfFuel
	case int32(uint32(g.Depth.Get())) < 0:
		return OutOfDepth
	}
	return Neither
}
