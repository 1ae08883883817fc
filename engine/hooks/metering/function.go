package metering

// function is one function's code as the scanner found it: segments of
// straight-line code, the edges between them, and the places that change. Its
// slices are used again for the next function.
type function struct {
	signature signature
	// code is where its instructions lie in the module, locals is where the
	// declarations of its locals begin, groups how many there are.
	locals, code, end int
	groups            uint32
	// values is the number of parameters and locals.
	values uint32
	// calls: it may call a function, so it counts as one frame on the stack.
	calls bool
	// bulk: it has an instruction that is charged by a length.
	bulk bool

	segments []segment
	edges    []int32 // indexes of labels
	labels   []label
	edits    []edit

	open     []int32 // labels of the blocks around the scanner
	touched  localSet
	varied   localSet // locals that are set anywhere so far
	sets     int      // instructions that set a local, so far
	merges   int      // locals that may differ where paths meet, for all such places
	stretch  int64    // the greatest of a segment that checks
	joints   int      // places where paths meet, a loop as many times as it has loops around it
	loops    int      // loops around the scanner
	branches int
}

// localSet counts different locals. It is emptied by a new generation.
type localSet struct {
	seen       []uint32
	generation uint32
	count      int
}

func (l *localSet) add(local uint32) {
	if int(local) >= len(l.seen) {
		l.seen = append(l.seen, make([]uint32, int(local)+1-len(l.seen))...)
	}
	if l.seen[local] != l.generation {
		l.seen[local] = l.generation
		l.count++
	}
}

func (l localSet) empty() localSet { return localSet{seen: l.seen, generation: l.generation + 1} }

// segment is code that runs from its first instruction to its last, unless it
// traps or a call in it does not return.
type segment struct {
	at    int // its first instruction
	cost  int64
	edges int32 // its first edge; the next segment's first is its end
	depth int32 // blocks around it
	falls bool  // into the next segment
	// loop: it is the target of a branch back.
	loop bool
	// chosen: something before it chose between it and another segment.
	chosen bool
	// need is what a path from here costs at most until the next charge.
	need    int64
	charged bool
	// stretch is what a path from here costs at most until the next check.
	stretch int64
	// checked: where it is charged, it is seen whether there was enough.
	checked bool
}

// label is the target of a branch.
type label struct {
	shape shape
	// segment is what a branch to it runs next: -1 while it is not known, and
	// for the function's end.
	segment int32
	// values is how many values a branch to it carries.
	values int32
	// used: a live branch goes to it; chosen: one with an alternative.
	used, chosen bool
	// dead: the block lies in code that is never reached.
	dead bool
	// orElse is the index of the edge by which a condition skips an if's first
	// arm, or -1.
	orElse int32
	// sets is how many instructions had set a local when it was opened.
	sets int
}

// edit is a change to a function's code.
type edit struct {
	at    int
	kind  editKind
	depth int32
	index int32 // the segment that is charged
	per   lengthCost
}

type editKind uint8

const (
	editCharge editKind = iota // insert a charge
	editReturn                 // a return becomes a branch, so that it passes the end
	editLength                 // insert a charge by length
)

func (f *function) reset(s signature) {
	*f = function{
		signature: s,
		segments:  f.segments[:0], edges: f.edges[:0], labels: f.labels[:0], edits: f.edits[:0], open: f.open[:0],
		touched: f.touched.empty(), varied: f.varied.empty(),
	}
}

// begin starts a segment at a place in the code.
func (f *function) begin(at int, chosen bool) *segment {
	f.segments = append(f.segments, segment{at: at, edges: int32(len(f.edges)), depth: int32(len(f.open)) - 1, chosen: chosen})
	f.edits = append(f.edits, edit{at: at, kind: editCharge, depth: int32(len(f.open)) - 1, index: int32(len(f.segments)) - 1})
	return f.current()
}

func (f *function) current() *segment { return &f.segments[len(f.segments)-1] }

// push opens a block.
func (f *function) push(s shape, values int, dead bool) *label {
	f.open = append(f.open, int32(len(f.labels)))
	f.labels = append(f.labels, label{shape: s, segment: -1, values: int32(values), dead: dead, orElse: -1, sets: f.sets})
	return &f.labels[len(f.labels)-1]
}

// edge adds a way from the current segment to a label.
func (f *function) edge(to int32, chosen bool) {
	f.edges = append(f.edges, to)
	l := &f.labels[to]
	l.used = true
	l.chosen = l.chosen || chosen
}
