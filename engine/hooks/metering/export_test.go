package metering

import (
	"fmt"
	"math/rand"
)

// Walk takes random paths through every function of a module and checks on
// each step that what runs has been paid for, and at the end that no more was
// paid than the slack for each choice. It answers how many steps it took.
func Walk(module []byte, limits Limits, random *rand.Rand) (steps int, err error) {
	m, err := readModule(module, limits)
	if err != nil {
		return 0, err
	}
	for _, s := range m.sections {
		if s.id != codeSection {
			continue
		}
		r := &reader{b: module, pos: s.start, end: s.end}
		f := &function{}
		for i := range r.u32() {
			length := int(r.u32())
			f.reset(m.types.own[m.functions[m.importedFunctions+int(i)]])
			f.end = r.pos + length
			if err := m.scan(r, f); err != nil {
				return steps, err
			}
			f.plan()
			for range 4 {
				n, err := f.walk(random)
				if err != nil {
					return steps, fmt.Errorf("function %d: %w", i, err)
				}
				steps += n
			}
		}
	}
	return steps, nil
}

func (f *function) walk(random *rand.Rand) (steps int, err error) {
	var paid, spent, choices int64
	for i := int32(0); i >= 0 && steps < 1000; steps++ {
		s := &f.segments[i]
		if s.charged {
			paid += s.need - chargeCost
		}
		if spent += s.cost; spent > paid {
			return steps, fmt.Errorf("at segment %d %d is spent, %d paid", i, spent, paid)
		}
		var next []int32
		if s.falls {
			next = append(next, i+1)
		}
		end := int32(len(f.edges))
		if int(i)+1 < len(f.segments) {
			end = f.segments[i+1].edges
		}
		for _, to := range f.edges[s.edges:end] {
			next = append(next, f.labels[to].segment)
		}
		if len(next) > 1 {
			choices++
		}
		if i = -1; len(next) > 0 {
			i = next[random.Intn(len(next))]
		}
		if (i < 0 || f.segments[i].charged) && paid > spent+slack*choices {
			return steps, fmt.Errorf("after %d choices %d is spent, %d paid", choices, spent, paid)
		}
	}
	return steps, nil
}
