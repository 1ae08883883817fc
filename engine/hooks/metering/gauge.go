package metering

import "math"

// Global is a mutable global of an instance, as wazero's api.MutableGlobal.
type Global interface {
	Get() uint64
	Set(uint64)
}

// Gauge is how the host reads and sets what an instance has left. Like the
// instance it serves one goroutine at a time.
type Gauge struct{ Fuel, Depth, Reserve Global }

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
	fuel, reserve := split(fuel)
	g.Fuel.Set(uint64(fuel))
	g.Reserve.Set(uint64(reserve))
	g.Depth.Set(uint64(uint32(depth)))
}

// split is a slice of the fuel, and the rest.
func split(fuel int64) (first, reserve int64) {
	first = min(fuel, slice)
	return first, fuel - first
}

// balance is what is left, negative if it ran out: only the sum of the two
// says. One slice's fuel may be out while there is more.
func (g Gauge) balance() int64 { return int64(g.Fuel.Get()) + int64(g.Reserve.Get()) }

// Left is the fuel that is left, 0 when it ran out.
func (g Gauge) Left() int64 { return max(0, g.balance()) }

// Overdrawn reports whether the fuel ran out. The reserve is never negative, so
// it is asked only where the slice that code has is out.
func (g Gauge) Overdrawn() bool { return int64(g.Fuel.Get()) < 0 && g.balance() < 0 }

// Charge takes units for what a host function is about to do, and reports
// whether there were enough. If not, the fuel is out: the host function does
// nothing and returns, and the module traps at its next check.
func (g Gauge) Charge(units uint64) bool {
	left := g.balance()
	if left < 0 || units > math.MaxInt64 || int64(units) > left {
		g.Fuel.Set(math.MaxUint64) // -1
		g.Reserve.Set(0)
		return false
	}
	g.Fuel.Set(g.Fuel.Get() - units)
	return true
}

// Exhausted says what the instance ran out of. Ask after each call, since one
// may return in debt: the instance must not be used again.
func (g Gauge) Exhausted() Resource {
	switch {
	case g.Overdrawn():
		return OutOfFuel
	case int32(uint32(g.Depth.Get())) < 0:
		return OutOfDepth
	}
	return Neither
}
