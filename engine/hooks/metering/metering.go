package metering

const (
	reservedPrefix = "twinbox:"
	// FuelExport is the name under which a rewritten module exports what is
	// left of its slice of fuel: a mutable global of type i64. It is negative
	// when the slice is out.
	FuelExport = reservedPrefix + "fuel"
	// ReserveExport is the same for the fuel beyond the slice.
	ReserveExport = reservedPrefix + "reserve"
	// DepthExport is the same for the frames that its stack may still grow by:
	// a mutable global of type i32.
	DepthExport = reservedPrefix + "depth"
)

// Config says what a module may be, and what its instances begin with.
type Config struct {
	Limits Limits
	// Fuel and Depth are what an instance has when it is made: what its start
	// function has to do with. The host sets both before each call.
	Fuel  int64
	Depth int32
}

// DefaultConfig has the limits of [DefaultLimits] and a call's default budget.
func DefaultConfig() Config {
	return Config{Limits: DefaultLimits(), Fuel: DefaultFuel, Depth: DefaultDepth}
}

const (
	// DefaultFuel is a call's budget. A unit is at most about a nanosecond on a
	// server of 2024, and 0.2 in the code of compilers: 50 ms for a module that
	// does its worst, 8 ms for a hook in Go, which is JSON of 40 KB. The one
	// exception is a module whose every load waits for memory that no cache
	// holds, and for the load before: 10 to 18 nanoseconds.
	DefaultFuel = 40_000_000
	// DefaultDepth is how many frames a call may have at once: some 20 MB of
	// the host's memory at most.
	DefaultDepth = 8192
)
