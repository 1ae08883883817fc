package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// keepHeap is not worth a collection.
	keepHeap      = 32 << 20
	giveBackEvery = 20 * time.Second
)

// collectLess trades memory for processor time: an engine's live heap is a few
// tens of megabytes, and at Go's default every few milliseconds of load pay
// for a collection, which also shrinks the stacks that the next request grows
// again. Measured: 2 to 3 times the requests, for 20 to 40 MB. The limit keeps
// a heap that large bodies have grown from being multiplied as well. What the
// operator set with GOGC or GOMEMLIMIT stays.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(800)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(1 << 30)
	}
}

// giveBack returns to the system what a load needed once it is over: a runtime
// that collects little also notes late that little is used. It looks so often,
// and ends with ctx. While there is work, more is allocated meanwhile than is
// kept, and it stays.
func giveBack(ctx context.Context, every time.Duration) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	for before := uint64(0); ; {
		metrics.Read(samples)
		allocated, kept := samples[0].Value.Uint64(), samples[1].Value.Uint64()+samples[2].Value.Uint64()
		if kept > keepHeap && allocated-before < kept/2 {
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
