// Package metering rewrites a WebAssembly module so that it counts what it
// costs and traps when that is more than it was given. It depends on nothing
// but the standard library, and changes nothing else about the module: every
// result, every trap and every byte of memory stays as it was.
//
// # What a rewritten module has
//
// Three mutable globals and a function come after the module's own, so nothing
// is renumbered: the fuel (i64), the depth (i32) and the reserve (i64), which
// are exported under [FuelExport], [DepthExport] and [ReserveExport] for
// [Gauge], and the refill, which is not. The module's own code, exports, tables
// and constants may not name their indexes, and its own imports and exports may
// not begin with "twinbox:"; [Rewrite] refuses a module that does.
//
// What runs out leaves its balance negative and traps with unreachable. Such an
// instance, as any that trapped, must not be called again.
//
// # Fuel
//
// Fuel is counted in units of about an addition. A local's value, a constant, a
// drop or a block costs nothing, for a compiler makes nothing of it; a load 3,
// a store 2, a branch 1 or 2, a call 6 and 4 more in the function, a call to the
// host 150 and what the host charges besides. The tables in instruction.go and
// cost.go have them all. Three costs depend on more than the instruction:
//
//   - Filling, copying and growing are charged by their length before they run:
//     a unit for 8 bytes, 4 for an element of a table, 65,536 for a page of
//     memory that is added. The length is the operand, and the sum is in 64
//     bits, so that no length overflows.
//   - Where paths meet, a compiler moves each local that they may have left
//     with different values. Code that runs five instructions may so move a
//     thousand values. Each beyond 16 costs a unit; so do values that a branch,
//     a call or a block carries.
//   - A call through a table costs as a call to the host, if the module has
//     put an imported function where a table can get it.
//
// # Where it is charged, and why that is enough
//
// A function's code is cut into segments, where branches leave and where they
// arrive. A segment runs from its first instruction to its last, unless it
// traps. Some segments begin with a charge: the function's first, the first of
// each loop that is branched back to, and some of those that a choice leads to.
// The need of a segment is its own cost and the greatest need among those that
// may follow and have no charge. A charge takes its segment's need.
//
// Every instruction is paid for before it runs: whatever path control takes
// from a charge to the next, the segments on it cost no more than was taken,
// by the definition of need. Need is finite, since a branch back always meets a
// charge, so that paths without one cannot come by the same place twice. Every
// cycle in a function passes a charge of at least one unit; every call begins
// with one; so nothing runs for ever on a finite amount, a tree of calls
// without a loop included.
//
// The charges at the beginning of functions and of loops, and those for a
// length, also check whether there was enough. The others do not, and may leave
// a debt. A function's stretch is what its dearest path costs from one check to
// the next; since depth counts stretches too, no more than 512 units for each
// frame are unchecked in all the functions on the stack, four million at the
// default depth, and one path of the last. So much a call may spend at most
// beyond its fuel, always the same for the same input; when it returns in debt,
// [Gauge.Exhausted] says so.
//
// It is not dear either. A segment that a choice leads to has a charge of its
// own once it needs more than 32 units, so a path pays at most 32 for each
// choice on it that it did not make. This is what keeps the code of Go
// compilers fair, where a function is one loop around a jump table: charging
// the loop with the longest way through it, which is as sound, makes a JSON
// transform four times as dear. A charge at every segment is exact, but nearly
// triples what the module grows by, and takes several times as long.
//
// # Slices
//
// A goroutine that runs compiled WebAssembly cannot be stopped, and Go's
// collector has to stop each. So code is given 2^18 units of its fuel at a time,
// a slice; the rest is the reserve. The check that finds the slice spent calls
// the refill. It grows the memory by nothing, which wazero does in Go, where the
// goroutine can be stopped; then it takes the next slice from the reserve, or
// traps if both together are negative. Only their sum is the balance: what is
// spent does not depend on slices. No code runs on for longer than a slice, the
// unchecked stretches above, and one instruction that fills or copies memory.
//
// A module without a memory has nothing to leave by, so it has slices that do
// nothing. A host that shares its process with modules that it does not trust
// refuses those.
//
// A check costs a comparison and a branch. If each charge made it, the compiler
// would lose at each what it knows about memory and globals, since a call joins
// the path there: a JSON transform took a quarter longer.
//
// # Depth
//
// A call grows the host's stack, which no limit of memory covers. Each function
// that may call another takes a frame off the depth when it begins and puts it
// back when it ends, and one more for each 2 KiB of its code and each 512 values
// that paths leave different where they meet, since a compiler may keep a slot
// for each; and one for each 512 units of its stretch. A function that calls
// nothing is one frame on top at most, and not counted.
//
// # What the host has to do
//
// Rewrite before anything else reads the module: decoders trust counts, and
// make room for four billion names or imports. Fill before each call. Charge,
// in each host function, what it does. Bound the memory by the runtime's own
// limit; give it a reservation if the runtime can, since memory that moves when
// it grows costs most of what growing does.
package metering
