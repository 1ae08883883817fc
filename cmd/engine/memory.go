package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// heapRoom is what is allocated between two collections, about, and never
	// more than mostPercent of what is live, nor less than leastPercent.
	heapRoom     = 96 << 20
	mostPercent  = 800
	leastPercent = 100

	// spareHeap, or 1/spareShare of what is live, is not worth a collection.
	spareHeap     = 2 << 20
	spareShare    = 8
	giveBackEvery = 20 * time.Second
)

// collectLess trades memory for processor time: an engine's live heap is some
// megabytes, and at Go's default every few milliseconds of load pay for a
// collection, which also shrinks the stacks that the next request grows again.
// Measured: 2 to 3 times the requests, for 20 to 40 MB. A heap that is larger,
// of many sessions or large bodies, is not multiplied as well, but has as much
// room, as at Go's default at least. What the operator set with GOGC or
// GOMEMLIMIT stays.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(mostPercent)
		(&pacer{percent: mostPercent, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}).await()
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(1 << 30)
	}
}

// pacer is garbage all the time: so it is told of each collection.
type pacer struct {
	percent int
	live    []metrics.Sample
}

func (p *pacer) await() { runtime.SetFinalizer(p, (*pacer).collected) }

func (p *pacer) collected() {
	metrics.Read(p.live)
	percent := int(min(max(heapRoom*100/max(p.live[0].Value.Uint64(), 1), leastPercent), mostPercent))
	// To set it stops the world.
	if diff := percent - p.percent; max(diff, -diff) > p.percent/8 {
		debug.SetGCPercent(percent)
		p.percent = percent
	}
	p.await()
}

// giveBack returns to the system what a load needed once it is over: a runtime
// that collects little also notes late that little is used. It looks so often,
// and ends with ctx. While there is work, more is allocated meanwhile than is
// kept, and it stays.
func giveBack(ctx context.Context, every time.Duration) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/live:bytes"}}
	for before := uint64(0); ; {
		metrics.Read(samples)
		allocated, kept, live := samples[0].Value.Uint64(), samples[1].Value.Uint64()+samples[2].Value.Uint64(), samples[3].Value.Uint64()
		if kept > live+max(spareHeap, live/spareShare) && allocated-before < kept/2 {
			debug.FreeOSMemory()
		}
		before = allocated
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return
		}
	}
}
