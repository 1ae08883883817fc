package metering

// readConstant passes a constant expression.
func (m *module) readConstant(r *reader) error {
	for {
		switch op := r.byte(); op {
		case 0x0b:
			return r.err
		case 0x23:
			if err := m.checkGlobal(r.u32()); err != nil && r.err == nil {
				return err
			}
		case 0x41:
			r.skip(5)
		case 0x42:
			r.skip(10)
		case 0x43:
			r.bytes(4)
		case 0x44:
			r.bytes(8)
		case 0xd0:
			if err := checkReferenceType(r.byte()); err != nil && r.err == nil {
				return err
			}
		case 0xd2:
			if err := m.referTo(r.u32()); err != nil && r.err == nil {
				return err
			}
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e:
			return unsupported("arithmetic in a constant expression")
		case 0xfd:
			if r.byte() != 0x0c && r.err == nil {
				return refuse(Invalid, "a constant expression holds a vector instruction")
			}
			r.bytes(16)
		default:
			if r.err != nil {
				return r.err
			}
			return refuse(Invalid, "instruction %#x is not constant", op)
		}
		if r.err != nil {
			return r.err
		}
	}
}

// checkGlobal refuses a global that the module does not have: it would be one
// of those that the rewriting adds.
func (m *module) checkGlobal(index uint32) error {
	if int64(index) >= int64(m.globals) {
		e := outOfRange("global", index, m.globals)
		e.Reason = Reserved
		return e
	}
	return nil
}

// checkFunction does the same for functions.
func (m *module) checkFunction(index uint32) error {
	if int64(index) >= int64(len(m.functions)) {
		e := outOfRange("function", index, len(m.functions))
		e.Reason = Reserved
		return e
	}
	return nil
}

// referTo notes that a function may be called through a table.
func (m *module) referTo(function uint32) error {
	if int64(function) < int64(m.importedFunctions) {
		m.indirectImport = true
	}
	return m.checkFunction(function)
}

func (m *module) readElements(r *reader) error {
	n := r.u32()
	if err := within("element segments", "Elements", int(n), m.limits.Elements); err != nil {
		return err
	}
	total := 0
	for range n {
		kind := r.u32()
		if kind > 7 {
			return refuse(Invalid, "there is no kind of element segment %d", kind)
		}
		passive, explicit, expressions := kind&1 != 0, kind&2 != 0, kind&4 != 0
		if !passive {
			if explicit {
				r.u32()
			}
			if err := m.readConstant(r); err != nil {
				return err
			}
		}
		if passive || explicit {
			if t := r.byte(); expressions && r.err == nil {
				if err := checkReferenceType(t); err != nil {
					return err
				}
			}
		}
		values := r.u32()
		total += int(values)
		if err := within("elements in all segments", "ElementValues", total, m.limits.ElementValues); err != nil {
			return err
		}
		for range values {
			if !expressions {
				if err := m.referTo(r.u32()); err != nil && r.err == nil {
					return err
				}
			} else if err := m.readConstant(r); err != nil {
				return err
			}
			if r.err != nil {
				return r.err
			}
		}
	}
	return r.err
}

func (m *module) readData(r *reader) error {
	n := r.u32()
	if err := within("data segments", "Data", int(n), m.limits.Data); err != nil {
		return err
	}
	for range n {
		kind := r.u32()
		if kind == 2 && r.u32() != 0 && r.err == nil {
			return unsupported("more than one memory")
		}
		if kind != 1 {
			if err := m.readConstant(r); err != nil {
				return err
			}
		}
		if kind > 2 {
			return refuse(Invalid, "there is no kind of data segment %d", kind)
		}
		r.bytes(int(r.u32()))
	}
	return r.err
}
