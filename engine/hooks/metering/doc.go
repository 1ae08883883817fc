// Package metering rewrites a WebAssembly module so that it counts what it
// costs and traps when that is more than it was given. It depends on nothing
// but the standard library, and changes nothing else about the module: every
// result, every trap and every byte of memory stays as it was.
//
// # What a rewritten module has
//
// Two mutable globals come after the module's own, so nothing is renumbered:
// the fuel (i64) and the depth (i32). They are exported under [FuelExport] and
// [DepthExport], for [Gauge]. The module's own code, exports and constants may
// not name their indexes, and its own imports and exports may not begin with
// "twinbox:"; [Rewrite] refuses a module that does.
//
// What runs out leaves its global negative and traps with unreachable. Such an
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
// without a loop included. When the fuel runs out, what it was short for has
// not begun.
//
// It is not dear either. A segment that a choice leads to has a charge of its
// own once it needs more than 32 units, so a path pays at most 32 for each
// choice on it that it did not make. This is what keeps the code of Go
// compilers fair, where a function is one loop around a jump table: charging
// the loop with the longest way through it, which is as sound, makes a JSON
// transform four times as dear. A charge at every segment is exact, but nearly
// triples what the module grows by, and takes several times as long.
//
// # Depth
//
// A call grows the host's stack, which no limit of memory covers. Each function
// that may call another takes a frame off the depth when it begins and puts it
// back when it ends, and one more for each 2 KiB of its code and each 512 values
// that paths leave different where they meet, since a compiler may keep a slot
// for each. A function that calls nothing is one frame on top at most, and not
// counted.
//
// # What the host has to do
//
// Rewrite before anything else reads the module: decoders trust counts, and
// make room for four billion names or imports. Fill before each call. Charge,
// in each host function, what it does. Bound the memory by the runtime's own
// limit; give it a reservation if the runtime can, since memory that moves when
// it grows costs most of what growing does.
package metering
