package metering

// scan reads one function's code into f. It checks every index of a kind that
// the rewriting adds to (locals, labels, globals, functions, types): the runtime would
// accept those that belong to the metering.
func (m *module) scan(r *reader, f *function) error {
	if err := m.scanLocals(r, f); err != nil {
		return err
	}
	f.push(shapeBlock, len(f.signature.results), false)
	f.begin(r.pos, false).cost = functionCost + int64(f.values)/4
	s := scanner{module: m, reader: r, function: f}
	for len(f.open) > 0 {
		at := r.pos
		if err := s.step(); err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
		if len(f.open) == 0 && r.pos != f.end {
			r.pos = at
			return refuse(Invalid, "the function ends before its code does")
		}
	}
	if err := within("locals at all places where paths meet", "Merges", f.joints*f.touched.count, m.limits.Merges); err != nil {
		return err
	}
	return within("branches in a function", "Branches", f.branches, m.limits.Branches)
}

func (m *module) scanLocals(r *reader, f *function) error {
	f.groups = r.u32()
	f.locals = r.pos
	total := uint64(len(f.signature.params))
	for range f.groups {
		total += uint64(r.u32())
		if err := checkValueType(r.byte()); err != nil && r.err == nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
		if total > uint64(m.limits.Locals) {
			return within("locals in a function", "Locals", int(min(total, 1<<40)), m.limits.Locals)
		}
	}
	f.values = uint32(total)
	f.code = r.pos
	return r.err
}

// scanner is the state within one function.
type scanner struct {
	*module
	*reader
	*function
	// dead: no path reaches the current instruction.
	dead bool
}

// spend adds to the cost of the current segment.
func (s *scanner) spend(units int) {
	if !s.dead {
		s.current().cost += int64(units)
	}
}

// step reads one instruction.
func (s *scanner) step() error {
	at := s.pos
	op := s.reader.byte()
	i := instructions[op]
	s.spend(int(i.cost))
	switch i.shape {
	case shapePlain:
	case shapeLocalGet:
		return s.local(s.u32())
	case shapeLocalSet:
		local := s.u32()
		if err := s.local(local); err != nil {
			return err
		}
		s.varied.add(local)
		s.sets++
	case shapeI32:
		s.skip(5)
	case shapeI64:
		s.skip(10)
	case shapeMemory:
		s.u32()
		s.u32()
	case shapeGlobal:
		return s.checkGlobal(s.u32())
	case shapeFunction:
		return s.checkFunction(s.u32())
	case shapeBytes4:
		s.reader.bytes(4)
	case shapeBytes8:
		s.reader.bytes(8)
	case shapeIndex:
		s.u32()
	case shapeMemoryIndex:
		return s.onlyMemory()
	case shapeMemoryGrow:
		s.length(at, growthCost)
		return s.onlyMemory()
	case shapeRefType:
		return checkReferenceType(s.reader.byte())
	case shapeSelectTyped:
		if s.reader.byte() != 1 && s.err == nil {
			return refuse(Invalid, "a select must name one type")
		}
		return checkValueType(s.reader.byte())
	case shapePrefix:
		return s.prefixed(at, op)
	case shapeUnknown:
		if s.err != nil {
			return s.err
		}
		if feature := newerInstruction(op); feature != "" {
			return unsupported(feature)
		}
		return refuse(Invalid, "there is no instruction %#x", op)
	default:
		return s.control(at, i.shape)
	}
	return nil
}

func (s *scanner) local(index uint32) error {
	if index >= s.values {
		return outOfRange("local", index, int(s.values))
	}
	s.touched.add(index)
	return nil
}

func (s *scanner) onlyMemory() error {
	if s.reader.byte() != 0 && s.err == nil {
		return unsupported("more than one memory")
	}
	return nil
}

// length plans a charge by the operand on top of the stack.
func (s *scanner) length(at int, per lengthCost) {
	if !s.dead {
		s.bulk = true
		s.edits = append(s.edits, edit{at: at, kind: editLength, depth: int32(len(s.open)) - 1, per: per})
	}
}

// prefixed reads the rest of an instruction of two bytes.
func (s *scanner) prefixed(at int, prefix byte) error {
	start := s.pos
	op := s.u32()
	table := &miscInstructions
	if prefix == 0xfd {
		table = &vectorInstructions
		// wazero reads one byte here, and a second as the next instruction,
		// which for the shortest encoding of a number is nop. Any other
		// encoding would mean one thing here and another there.
		if width := s.pos - start; s.err == nil && width != 1+int(min(op>>7, 1)) {
			return refuse(Invalid, "vector instruction %#x is not in its shortest form", op)
		}
		if op >= 0x100 {
			return unsupported("relaxed vector instructions")
		}
	}
	if s.err != nil {
		return s.err
	}
	if op >= 0x100 || table[op].shape == shapeUnknown {
		return refuse(Invalid, "there is no instruction %#x %#x", prefix, op)
	}
	s.spend(int(table[op].cost))
	switch table[op].shape {
	case shapeMemory:
		s.u32()
		s.u32()
	case shapeLane:
		s.u32()
		s.u32()
		s.reader.byte()
	case shapeByte:
		s.reader.byte()
	case shapeBytes16:
		s.reader.bytes(16)
	case shapeIndex:
		s.u32()
	case shapeBulk:
		return s.bulkOperation(at, op)
	}
	return nil
}

func (s *scanner) bulkOperation(at int, op uint32) error {
	switch op {
	case 8: // memory.init
		s.length(at, memoryCost)
		s.u32()
		return s.onlyMemory()
	case 10: // memory.copy
		s.length(at, memoryCost)
		if err := s.onlyMemory(); err != nil {
			return err
		}
		return s.onlyMemory()
	case 11: // memory.fill
		s.length(at, memoryCost)
		return s.onlyMemory()
	case 12, 14: // table.init, table.copy
		s.length(at, tableCost)
		s.u32()
		s.u32()
	default: // table.grow, table.fill
		s.length(at, tableCost)
		s.u32()
	}
	return nil
}
