package metering

// Costs in units of fuel: a unit is about what an addition takes. See the
// package documentation.
const (
	// functionCost is for entering and leaving a function.
	functionCost = 4
	callCost     = 6
	// hostCost is for leaving the module for an imported function. What that
	// function does is for the host to charge: see [Gauge.Charge].
	hostCost = 150
	// growCost and bulkCost are what growing, filling and copying cost when
	// nothing is.
	growCost = 100
	bulkCost = 40
	// chargeCost is for the charge itself.
	chargeCost = 2
	// slack is the need that is left for what comes before to pay, where it
	// chose: so much is a path overcharged at most at each choice on it.
	slack = 32
	// freeValues may be moved at once for nothing: they fit into registers.
	freeValues = 16
	// A function counts as one frame on the stack, and as one more for each
	// frameBytes of its code and each frameMerges of its merges: a compiler may
	// keep a slot for every value in them, and a frame be that much larger. It
	// does for each frameStretch of its stretch, too: all of those on the stack
	// may be left to do at once, without a check.
	frameBytes, frameMerges, frameStretch = 2048, 512, 512
)

// lengthCost is what an instruction costs for each of what it touches.
type lengthCost struct {
	// shift divides, times multiplies.
	shift, times int64
}

var (
	memoryCost = lengthCost{shift: 3, times: 1}        // a unit for 8 bytes
	growthCost = lengthCost{shift: 0, times: 64 << 10} // a unit for a byte of a page: it is cleared and may be moved
	tableCost  = lengthCost{shift: 0, times: 4}
)

// plan decides which segments are charged, how much, and which check.
//
// A segment's need is its own cost and the greatest need among those that may
// follow without a charge of their own; its stretch is the same up to those
// that check. Walking backwards both are known for what follows, because only
// loops are entered from behind, and those that are branched back to always
// charge and check.
func (f *function) plan() {
	for i := len(f.segments) - 1; i >= 0; i-- {
		s := &f.segments[i]
		need, stretch := int64(0), int64(0)
		follow := func(next int32) {
			if next > int32(i) {
				n := &f.segments[next]
				if !n.charged {
					need = max(need, n.need)
				}
				if !n.checked {
					stretch = max(stretch, n.stretch)
				}
			}
		}
		if s.falls {
			follow(int32(i) + 1)
		}
		end := int32(len(f.edges))
		if i+1 < len(f.segments) {
			end = f.segments[i+1].edges
		}
		for _, to := range f.edges[s.edges:end] {
			follow(f.labels[to].segment)
		}
		s.need, s.stretch = s.cost+need, s.cost+stretch
		s.checked = i == 0 || s.loop
		if s.checked {
			f.stretch = max(f.stretch, s.stretch)
		}
		if s.need > 0 && (s.checked || s.chosen && s.need > slack) {
			s.charged = true
			s.need += chargeCost
		}
	}
}
