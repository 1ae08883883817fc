package metering

// control reads the rest of an instruction that changes the flow of control.
func (s *scanner) control(at int, i shape) error {
	switch i {
	case shapeBlock, shapeLoop, shapeIf:
		return s.enter(i)
	case shapeElse:
		return s.orElse()
	case shapeEnd:
		s.leave()
	case shapeBr, shapeBrIf:
		return s.branch(i == shapeBrIf)
	case shapeBrTable:
		return s.branchTable()
	case shapeUnreachable:
		s.dead = true
	case shapeReturn:
		if !s.dead {
			s.edits = append(s.edits, edit{at: at, kind: editReturn, depth: int32(len(s.open)) - 1})
		}
		s.spend(beyond(len(s.signature.results)))
		s.dead = true
	case shapeCall:
		index := s.u32()
		if err := s.checkFunction(index); err != nil {
			return err
		}
		if int64(index) < int64(s.importedFunctions) {
			s.spend(hostCost)
		}
		s.call(s.module.functions[index])
	case shapeCallIndirect:
		index := s.u32()
		s.u32()
		if err := s.checkType(index); err != nil {
			return err
		}
		if s.indirectImport {
			s.spend(hostCost)
		}
		s.call(index)
	}
	return nil
}

// beyond is the cost of moving values where a few are free.
func beyond(values int) int { return max(0, values-freeValues) }

func (s *scanner) call(index uint32) {
	t := s.types.own[index]
	s.spend(beyond(len(t.params)) + beyond(len(t.results)))
	if !s.dead {
		s.calls = true
	}
}

func (s *scanner) checkType(index uint32) error {
	if int64(index) >= int64(len(s.types.own)) {
		return outOfRange("type", index, len(s.types.own))
	}
	return nil
}

// blockType reads a block's type: how many values it takes and leaves.
func (s *scanner) blockType() (params, results int, err error) {
	switch t := s.s33(); {
	case s.err != nil:
		return 0, 0, s.err
	case t == -64:
		return 0, 0, nil
	case t < 0:
		return 0, 1, checkValueType(byte(t & 0x7f))
	case t >= int64(len(s.types.own)):
		return 0, 0, outOfRange("type", uint32(t), len(s.types.own))
	default:
		return len(s.types.own[t].params), len(s.types.own[t].results), nil
	}
}

func (s *scanner) enter(i shape) error {
	params, results, err := s.blockType()
	if err != nil {
		return err
	}
	if err := within("blocks within each other", "Nesting", len(s.open), s.limits.Nesting); err != nil {
		return err
	}
	if i == shapeLoop {
		results = params // a branch to a loop goes to its beginning
	}
	l := s.push(i, results, s.dead)
	if s.dead || i == shapeBlock {
		return nil
	}
	s.spend(beyond(params))
	s.current().falls = true
	if i == shapeIf {
		s.branches++
		l.orElse = int32(len(s.edges))
		s.edges = append(s.edges, -1)
		s.begin(s.pos, true)
		return nil
	}
	l.segment = int32(len(s.segments))
	s.begin(s.pos, false)
	s.loops++
	s.joints += s.loops
	return nil
}

func (s *scanner) orElse() error {
	to := s.open[len(s.open)-1]
	l := &s.labels[to]
	if l.shape != shapeIf {
		return refuse(Invalid, "an else without an if")
	}
	l.shape = shapeElse
	if l.dead {
		return nil
	}
	if !s.dead {
		s.edge(to, false)
	}
	s.dead = false
	s.resolve(l, s.begin(s.pos, true))
	return nil
}

// resolve directs the condition of an if past its first arm.
func (s *scanner) resolve(l *label, to *segment) {
	// A label of its own, for the edge alone.
	s.edges[l.orElse] = int32(len(s.labels))
	l.orElse = -1
	s.labels = append(s.labels, label{segment: int32(len(s.segments)) - 1, used: true})
	to.chosen = true
}

func (s *scanner) leave() {
	to := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	l := &s.labels[to]
	if l.dead || len(s.open) == 0 {
		return
	}
	merged := min(s.sets-l.sets, s.varied.count)
	if l.shape == shapeLoop {
		// What the loop's beginning merges is known only here.
		s.loops--
		s.segments[l.segment].loop = l.used
		if l.used {
			s.segments[l.segment].cost += int64(beyond(merged))
			s.merges += merged
		}
		return
	}
	skips := l.orElse >= 0
	if !l.used && !skips {
		return // nothing but the code before it leads here: no joint
	}
	if !s.dead {
		s.current().falls = true
	}
	s.dead = false
	s.merges += merged
	s.joints++
	l.segment = int32(len(s.segments))
	next := s.begin(s.pos, l.chosen)
	next.cost = int64(beyond(merged) + beyond(int(l.values)))
	if skips {
		s.resolve(l, next)
	}
}

func (s *scanner) target() (int32, error) {
	depth := s.u32()
	if s.err == nil && int64(depth) >= int64(len(s.open)) {
		return 0, outOfRange("block around the branch", depth, len(s.open))
	}
	if s.err != nil {
		return 0, s.err
	}
	return s.open[len(s.open)-1-int(depth)], nil
}

func (s *scanner) branch(conditional bool) error {
	to, err := s.target()
	if err != nil {
		return err
	}
	if s.dead {
		return nil
	}
	s.branches++
	s.spend(beyond(int(s.labels[to].values)))
	s.edge(to, conditional)
	if conditional {
		s.current().falls = true
		s.begin(s.pos, true)
	}
	s.dead = !conditional
	return nil
}

func (s *scanner) branchTable() error {
	entries := s.u32()
	if err := within("branches in a function", "Branches", s.branches+int(entries), s.limits.Branches); err != nil {
		return err
	}
	last := int32(-1)
	for range int(entries) + 1 {
		to, err := s.target()
		if err != nil {
			return err
		}
		if !s.dead && to != last {
			s.edge(to, true)
			last = to
		}
	}
	if !s.dead {
		s.branches += int(entries) + 1
		s.spend(beyond(int(s.labels[last].values)))
	}
	s.dead = true
	return nil
}
