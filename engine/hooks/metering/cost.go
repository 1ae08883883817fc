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
	// keep a slot for every value in them, and a frame be that much larger.
	frameBytes, frameMerges = 2048, 512
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

// plan decides which segments are charged, and how much.
//
// A segment's need is its own cost and the greatest need among those that may
// follow without a charge of their own. Walking backwards every such need is
// known, because only loops are entered from behind, and those that are
// branched back to always have a charge.
func (f *function) plan() {
	for i := len(f.segments) - 1; i >= 0; i-- {
		s := &f.segments[i]
		after := int64(0)
		if s.falls {
			after = f.ahead(int32(i) + 1)
		}
		end := int32(len(f.edges))
		if i+1 < len(f.segments) {
			end = f.segments[i+1].edges
		}
		for _, to := range f.edges[s.edges:end] {
			if next := f.labels[to].segment; next > int32(i) {
				after = max(after, f.ahead(next))
			}
		}
		s.need = s.cost + after
		if s.need > 0 && (i == 0 || s.loop || s.chosen && s.need > slack) {
			s.charged = true
			s.need += chargeCost
		}
	}
}

// ahead is what a segment before i has to pay for it.
func (f *function) ahead(i int32) int64 {
	if s := &f.segments[i]; !s.charged {
		return s.need
	}
	return 0
}
