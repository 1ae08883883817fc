package metering

const (
	reservedPrefix = "twinbox:"
	// FuelExport is the name under which a rewritten module exports what is
	// left of its fuel: a mutable global of type i64, negative once it ran out.
	FuelExport = reservedPrefix + "fuel"
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
	// DefaultFuel is a call's budget.
	DefaultFuel = 40_000_000
	// DefaultDepth is how many frames a call may have at once.
	DefaultDepth = 8192
)
