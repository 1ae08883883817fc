package metering

const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opReturn       = 0x0f
	opCall         = 0x10
	opDrop         = 0x1a
	opSelect       = 0x1b
	opLocalGet     = 0x20
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opI32LtS       = 0x48
	opI64LtS       = 0x53
	opI64GeS       = 0x59
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI64Mul       = 0x7e
	opI64ShrU      = 0x88
	opI64ExtendI32 = 0xad

	i32Type   = 0x7f
	i64Type   = 0x7e
	emptyType = 0x40
)

// emitter writes functions.
type emitter struct {
	source []byte
	types  *types
	// fuel, depth and reserve are the indexes of the three globals, refill is
	// that of the function.
	fuel, depth, reserve, refill uint32
	body                         []byte
}

// function appends the code of f, with its size before it. One that calls
// nothing has charges added to it. Any other becomes
//
//	block $exhausted
//	  block $body (results)
//	    count the frame
//	    the code, with charges; return is br $body
//	  end
//	  count the frame back
//	  return
//	end
//	unreachable
//
// The block $body stands where the function's own label stood, so branches out
// of the function end it, and no branch is renumbered.
func (e *emitter) function(out []byte, f *function) []byte {
	e.body = e.locals(e.body[:0], f)
	if f.calls {
		e.body = append(e.body, opBlock, emptyType, opBlock)
		e.body = e.types.appendBlockType(e.body, f.signature.results)
		e.frame(f, opI32Sub)
		e.body = append(e.body, opGlobalGet)
		e.body = appendU32(e.body, e.depth)
		e.body = append(e.body, opI32Const, 0, opI32LtS, opBrIf, 1)
	}
	at := f.code
	for _, edit := range f.edits {
		e.body = append(e.body, e.source[at:edit.at]...)
		at = edit.at
		switch edit.kind {
		case editCharge:
			e.charge(&f.segments[edit.index])
		case editReturn:
			if f.calls {
				at++
				e.body = appendU32(append(e.body, opBr), uint32(edit.depth))
			}
		case editLength:
			e.length(f, edit)
		}
	}
	e.body = append(e.body, e.source[at:f.end]...) // its last byte ends $body, or the function
	if f.calls {
		e.frame(f, opI32Add)
		e.body = append(e.body, opReturn, opEnd, opUnreachable, opEnd)
	}
	return append(appendU32(out, uint32(len(e.body))), e.body...)
}

// locals declares the function's own, and one to keep a length in.
func (e *emitter) locals(b []byte, f *function) []byte {
	groups := f.groups
	if f.bulk {
		groups++
	}
	b = appendU32(b, groups)
	b = append(b, e.source[f.locals:f.code]...)
	if f.bulk {
		b = append(b, 1, i32Type)
	}
	return b
}

// frame counts the stack that is left down or up.
func (e *emitter) frame(f *function, op byte) {
	weight := 1 + (f.end-f.code)/frameBytes + f.merges/frameMerges + int(f.stretch/frameStretch)
	e.body = append(e.body, opGlobalGet)
	e.body = appendU32(e.body, e.depth)
	e.body = append(e.body, opI32Const)
	e.body = appendS64(e.body, int64(weight))
	e.body = append(e.body, op, opGlobalSet)
	e.body = appendU32(e.body, e.depth)
}

// charge takes a segment's need off the fuel.
func (e *emitter) charge(s *segment) {
	if !s.charged {
		return
	}
	e.body = append(e.body, opGlobalGet)
	e.body = appendU32(e.body, e.fuel)
	e.body = append(e.body, opI64Const)
	e.body = appendS64(e.body, s.need)
	e.pay()
	if s.checked {
		e.check()
	}
}

// pay subtracts the amount on the stack from the fuel below it.
func (e *emitter) pay() {
	e.body = append(e.body, opI64Sub, opGlobalSet)
	e.body = appendU32(e.body, e.fuel)
}

// check refills the fuel if it is out. That is the else, and not the if: where
// paths meet, wazero holds values as the path that it has read first does, and
// a call would have left all of them in memory.
func (e *emitter) check() {
	e.body = append(e.body, opGlobalGet)
	e.body = appendU32(e.body, e.fuel)
	e.body = append(e.body, opI64Const, 0, opI64GeS, opIf, emptyType, opElse, opCall)
	e.body = appendU32(e.body, e.refill)
	e.body = append(e.body, opEnd)
}

// length charges by the operand on top of the stack. It counts in 64 bits, so
// the greatest length of 32 bits is a large charge and not an overflow.
func (e *emitter) length(f *function, at edit) {
	e.body = append(e.body, opLocalTee)
	e.body = appendU32(e.body, f.values)
	e.body = append(e.body, opGlobalGet)
	e.body = appendU32(e.body, e.fuel)
	e.body = append(e.body, opLocalGet)
	e.body = appendU32(e.body, f.values)
	e.body = append(e.body, opI64ExtendI32)
	if at.per.shift > 0 {
		e.body = append(appendS64(append(e.body, opI64Const), at.per.shift), opI64ShrU)
	}
	if at.per.times > 1 {
		e.body = append(appendS64(append(e.body, opI64Const), at.per.times), opI64Mul)
	}
	e.pay()
	e.check()
}
