package metering

// Limits bound the structure of a module before anything compiles it: a
// compiler is not metered and takes time and memory that grow faster than the
// module does. Each is the largest number that is allowed.
type Limits struct {
	// ModuleBytes is the size of the module.
	ModuleBytes int
	// Types is the number of function types.
	Types int
	// TypeValues is the number of parameters and results of one type.
	TypeValues int
	Imports    int
	// Functions is the number of the module's own functions.
	Functions int
	// FunctionBytes is the size of one function's code.
	FunctionBytes int
	// Locals is the number of one function's parameters and locals.
	Locals int
	// Branches is the number of branches in one function, each entry of a
	// br_table counted.
	Branches int
	// Nesting is the number of blocks within each other.
	Nesting int
	// Merges is, for one function, the places where paths meet times the locals
	// that it uses; a loop is as many places as there are loops around it, and
	// one. Compilers hold a value for each local at each place, and go over
	// them all again for each loop.
	Merges int
	Tables int
	// TableElements is the number of elements of one table. Growing a table
	// beyond it fails inside the module, as growing a memory does.
	TableElements int
	// MemoryPages is what a memory may begin with, in pages of 64 KiB. What it
	// grows to is for the runtime to bound.
	MemoryPages int
	Globals     int
	Exports     int
	// Elements is the number of element segments.
	Elements int
	// ElementValues is the number of elements in all of them.
	ElementValues int
	// Data is the number of data segments.
	Data int
}

// DefaultLimits pass what Go, C, Rust, AssemblyScript and QuickJS produce with
// room to spare: the largest function of a Go hook has 50 KB, 2,300 branches
// and 7,200 merges, that of QuickJS 37 KB, 1,700 and 60,300. What is within them
// takes wazero at most about 2 seconds for one function; a module of many such
// is for a limit of time.
func DefaultLimits() Limits {
	return Limits{
		ModuleBytes:   16 << 20,
		Types:         5_000,
		TypeValues:    128,
		Imports:       1_000,
		Functions:     50_000,
		FunctionBytes: 256 << 10,
		Locals:        2_000,
		Branches:      20_000,
		Nesting:       5_000,
		Merges:        400_000,
		Tables:        16,
		TableElements: 1 << 17,
		MemoryPages:   4_096,
		Globals:       5_000,
		Exports:       5_000,
		Elements:      5_000,
		ElementValues: 1 << 17,
		Data:          50_000,
	}
}

// within refuses a count above its limit, and says what the module's author
// can do about it. field is of [Limits].
func within(what, field string, n, limit int) error {
	if n <= limit {
		return nil
	}
	advice := "make the module smaller, or several of it"
	switch field {
	case "FunctionBytes", "Locals", "Branches", "Nesting", "Merges":
		advice = "split the function into smaller ones"
	case "ModuleBytes":
		advice = "leave debug information out"
	case "MemoryPages":
		advice = "build it with a smaller memory, which it may grow"
	}
	return refuse(OverLimit, "%d %s, the limit is %d: %s", n, what, limit, advice)
}
