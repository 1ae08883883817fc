package metering

// slice is how much fuel code has at most before it leaves to the host: units,
// a quarter of a millisecond, or 3 where every load waits for memory.
const slice = 1 << 18

// refillFunction appends the function that is called where the fuel is out:
//
//	leave to the host
//	reserve += fuel
//	if reserve < 0 { fuel = reserve; reserve = 0; trap }
//	fuel = min(reserve, slice)
//	reserve -= fuel
//
// Growing a memory by nothing is what leaves: a runtime does it in the host's
// code, where the host's scheduler can take its turn, and nothing has changed
// after it. Without a memory there is no such instruction.
func (e *emitter) refillFunction(out []byte, hasMemory bool) []byte {
	get := func(global uint32) { e.body = appendU32(append(e.body, opGlobalGet), global) }
	set := func(global uint32) { e.body = appendU32(append(e.body, opGlobalSet), global) }
	constant := func(n int64) { e.body = appendS64(append(e.body, opI64Const), n) }
	put := func(code ...byte) { e.body = append(e.body, code...) }
	e.body = e.body[:0]
	put(0) // locals
	if hasMemory {
		put(opI32Const, 0, opMemoryGrow, 0, opDrop)
	}
	get(e.reserve)
	get(e.fuel)
	put(opI64Add)
	set(e.reserve)
	get(e.reserve)
	constant(0)
	put(opI64LtS, opIf, emptyType)
	get(e.reserve)
	set(e.fuel)
	constant(0)
	set(e.reserve)
	put(opUnreachable, opEnd)
	get(e.reserve)
	constant(slice)
	get(e.reserve)
	constant(slice)
	put(opI64LtS, opSelect)
	set(e.fuel)
	get(e.reserve)
	get(e.fuel)
	put(opI64Sub)
	set(e.reserve)
	put(opEnd)
	return append(appendU32(out, uint32(len(e.body))), e.body...)
}
