package metering

// shape says what follows an opcode, and what it does to the flow of control.
type shape uint8

const (
	shapeUnknown shape = iota
	shapePlain         // nothing follows
	shapeUnreachable
	shapeBlock
	shapeLoop
	shapeIf
	shapeElse
	shapeEnd
	shapeBr
	shapeBrIf
	shapeBrTable
	shapeReturn
	shapeCall
	shapeCallIndirect
	shapeSelectTyped
	shapeLocalGet
	shapeLocalSet
	shapeGlobal
	shapeFunction
	shapeIndex  // one index, which the runtime checks
	shapeMemory // alignment and offset
	shapeLane   // alignment, offset, lane
	shapeMemoryIndex
	shapeI32
	shapeI64
	shapeBytes4
	shapeBytes8
	shapeBytes16
	shapeByte
	shapeRefType
	shapeMemoryGrow
	shapeBulk // its length is the operand on top of the stack
	shapePrefix
)

// instruction is one row of the tables below.
type instruction struct {
	shape shape
	// cost is in units of fuel: see the package documentation.
	cost uint16
}

// rows fills a table from a list of ranges.
func rows(list []row) (t [256]instruction) {
	for _, r := range list {
		for op := int(r.first); op <= int(r.last); op++ {
			t[op] = instruction{r.shape, r.cost}
		}
	}
	return t
}

type row struct {
	first, last byte
	shape       shape
	cost        uint16
}

// instructions are those of one byte.
var instructions = rows([]row{
	{0x00, 0x00, shapeUnreachable, 1},
	{0x01, 0x01, shapePlain, 0}, // nop
	{0x02, 0x02, shapeBlock, 0},
	{0x03, 0x03, shapeLoop, 0},
	{0x04, 0x04, shapeIf, 2},
	{0x05, 0x05, shapeElse, 1},
	{0x0b, 0x0b, shapeEnd, 0},
	{0x0c, 0x0c, shapeBr, 1},
	{0x0d, 0x0d, shapeBrIf, 2},
	{0x0e, 0x0e, shapeBrTable, 6},
	{0x0f, 0x0f, shapeReturn, 1},
	{0x10, 0x10, shapeCall, callCost},
	{0x11, 0x11, shapeCallIndirect, 2 * callCost},
	{0x1a, 0x1a, shapePlain, 0}, // drop
	{0x1b, 0x1b, shapePlain, 2}, // select
	{0x1c, 0x1c, shapeSelectTyped, 2},
	{0x20, 0x20, shapeLocalGet, 0},
	{0x21, 0x22, shapeLocalSet, 1}, // local.set, local.tee
	{0x23, 0x24, shapeGlobal, 2},   // global.get, global.set
	{0x25, 0x26, shapeIndex, 4},    // table.get, table.set
	{0x28, 0x35, shapeMemory, 3},   // loads
	{0x36, 0x3e, shapeMemory, 2},   // stores
	{0x3f, 0x3f, shapeMemoryIndex, 2},
	{0x40, 0x40, shapeMemoryGrow, growCost},
	{0x41, 0x41, shapeI32, 0},
	{0x42, 0x42, shapeI64, 0},
	{0x43, 0x43, shapeBytes4, 1},
	{0x44, 0x44, shapeBytes8, 1},
	{0x45, 0x5a, shapePlain, 1},  // integer comparisons
	{0x5b, 0x66, shapePlain, 2},  // float comparisons
	{0x67, 0x69, shapePlain, 3},  // i32.clz, ctz, popcnt
	{0x6a, 0x6b, shapePlain, 1},  // i32.add, sub
	{0x6c, 0x6c, shapePlain, 2},  // i32.mul
	{0x6d, 0x70, shapePlain, 12}, // i32.div, rem
	{0x71, 0x78, shapePlain, 1},  // i32 bits, shifts
	{0x79, 0x7b, shapePlain, 3},  // i64.clz, ctz, popcnt
	{0x7c, 0x7d, shapePlain, 1},
	{0x7e, 0x7e, shapePlain, 2},
	{0x7f, 0x82, shapePlain, 20}, // i64.div, rem
	{0x83, 0x8a, shapePlain, 1},
	{0x8b, 0x8c, shapePlain, 2},  // f32.abs, neg
	{0x8d, 0x90, shapePlain, 8},  // f32.ceil, floor, trunc, nearest
	{0x91, 0x91, shapePlain, 20}, // f32.sqrt
	{0x92, 0x94, shapePlain, 4},  // f32.add, sub, mul
	{0x95, 0x95, shapePlain, 15}, // f32.div
	{0x96, 0x97, shapePlain, 8},  // f32.min, max
	{0x98, 0x98, shapePlain, 4},  // f32.copysign
	{0x99, 0x9a, shapePlain, 2},
	{0x9b, 0x9e, shapePlain, 8},
	{0x9f, 0x9f, shapePlain, 25},
	{0xa0, 0xa2, shapePlain, 4},
	{0xa3, 0xa3, shapePlain, 18},
	{0xa4, 0xa5, shapePlain, 8},
	{0xa6, 0xa6, shapePlain, 4},
	{0xa7, 0xa7, shapePlain, 1},  // i32.wrap_i64
	{0xa8, 0xab, shapePlain, 12}, // i32.trunc
	{0xac, 0xad, shapePlain, 1},  // i64.extend_i32
	{0xae, 0xb1, shapePlain, 12}, // i64.trunc
	{0xb2, 0xbb, shapePlain, 6},  // float conversions
	{0xbc, 0xbf, shapePlain, 2},  // reinterpretations
	{0xc0, 0xc4, shapePlain, 1},  // sign extensions
	{0xd0, 0xd0, shapeRefType, 1},
	{0xd1, 0xd1, shapePlain, 1},
	{0xd2, 0xd2, shapeFunction, 100}, // ref.func: a call into the runtime
	{0xfc, 0xfd, shapePrefix, 0},
})

// miscInstructions follow the prefix 0xfc.
var miscInstructions = rows([]row{
	{0, 7, shapePlain, 12}, // saturating conversions
	{8, 8, shapeBulk, bulkCost},
	{9, 9, shapeIndex, 20}, // data.drop
	{10, 12, shapeBulk, bulkCost},
	{13, 13, shapeIndex, 20}, // elem.drop
	{14, 14, shapeBulk, bulkCost},
	{15, 15, shapeBulk, growCost}, // table.grow
	{16, 16, shapeIndex, 4},       // table.size
	{17, 17, shapeBulk, bulkCost},
})

// vectorInstructions follow the prefix 0xfd. Those without a row are not in
// WebAssembly 2.0.
var vectorInstructions = rows([]row{
	{0x00, 0x0a, shapeMemory, 5},
	{0x0b, 0x0b, shapeMemory, 3},
	{0x0c, 0x0c, shapeBytes16, 2},
	{0x0d, 0x0d, shapeBytes16, 6}, // i8x16.shuffle
	{0x0e, 0x14, shapePlain, 4},   // swizzle, splats
	{0x15, 0x22, shapeByte, 4},    // lanes
	{0x23, 0x4c, shapePlain, 5},   // comparisons
	{0x4d, 0x53, shapePlain, 3},   // bits
	{0x54, 0x5b, shapeLane, 6},
	{0x5c, 0x5d, shapeMemory, 5},
	{0x5e, 0x5f, shapePlain, 6},
	{0x60, 0x99, shapePlain, 8},
	{0x9b, 0xa1, shapePlain, 8},
	{0xa3, 0xa4, shapePlain, 8},
	{0xa7, 0xae, shapePlain, 8},
	{0xb1, 0xb1, shapePlain, 3},
	{0xb5, 0xba, shapePlain, 8},
	{0xbc, 0xc1, shapePlain, 8},
	{0xc3, 0xc4, shapePlain, 8},
	{0xc7, 0xce, shapePlain, 8},
	{0xd1, 0xd1, shapePlain, 3},
	{0xd5, 0xdf, shapePlain, 12},
	{0xe0, 0xe1, shapePlain, 4},
	{0xe3, 0xe3, shapePlain, 25}, // f32x4.sqrt
	{0xe4, 0xe6, shapePlain, 4},
	{0xe7, 0xe7, shapePlain, 20}, // f32x4.div
	{0xe8, 0xeb, shapePlain, 10},
	{0xec, 0xed, shapePlain, 4},
	{0xef, 0xef, shapePlain, 40}, // f64x2.sqrt
	{0xf0, 0xf2, shapePlain, 4},
	{0xf3, 0xf3, shapePlain, 30}, // f64x2.div
	{0xf4, 0xf7, shapePlain, 10},
	{0xf8, 0xff, shapePlain, 16}, // conversions
})

// newerInstruction names the proposal that an opcode belongs to.
func newerInstruction(op byte) string {
	switch {
	case op >= 0x06 && op <= 0x0a, op == 0x18, op == 0x19, op == 0x1f:
		return "exception handling"
	case op == 0x12, op == 0x13:
		return "tail calls"
	case op == 0x14, op == 0x15, op >= 0xd3 && op <= 0xd6:
		return "typed function references"
	case op == 0xfb:
		return "garbage collection"
	case op == 0xfe:
		return "threads (atomic instructions)"
	}
	return ""
}
