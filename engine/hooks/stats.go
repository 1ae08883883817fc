package hooks

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// actions are what a call of a hook can come to, in the order of stats' table.
var actions = [...]engine.HookAction{engine.HookPassed, engine.HookReplaced, engine.HookDropped, engine.HookRemoved,
	engine.HookRejected, engine.HookFailed, engine.HookWasPassed}

// tellEvery keeps a hook that fails at each message from filling the event log.
const tellEvery = time.Second

// warnEvery keeps such a hook from filling the engine's log.
const warnEvery = 10 * time.Second

// stats count what becomes of a hook's calls. Its methods may be called
// concurrently.
type stats struct {
	outcomes [pointCount][len(actions)]atomic.Int64
	// ran counts the calls of a guest: a circuit that is open makes none.
	ran, fuel atomic.Int64
	times     histogram
	// starts are of instances, with their nanoseconds and fuel.
	starts, startNanos, startFuel atomic.Int64

	mu        sync.Mutex // guards what follows
	lastError string
	lastAt    time.Time
	toldAt    time.Time // of the failure that was told of last
	warnedAt  time.Time // of the failure that was logged last
	unwarned  int       // failures since
}

// warn reports whether a failure is to be logged, and how many were not since
// the last one that was.
func (s *stats) warn(at time.Time) (ok bool, unwarned int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.Sub(s.warnedAt).Abs() < warnEvery {
		s.unwarned++
		return false, 0
	}
	unwarned, s.warnedAt, s.unwarned = s.unwarned, at, 0
	return true, unwarned
}

func (s *stats) count(point int, a engine.HookAction) {
	for i := range actions {
		if actions[i] == a {
			s.outcomes[point][i].Add(1)
			return
		}
	}
}

func (s *stats) call(took time.Duration, fuel int64) {
	s.ran.Add(1)
	s.fuel.Add(fuel)
	s.times.add(took)
}

func (s *stats) start(took time.Duration, fuel int64) {
	s.starts.Add(1)
	s.startNanos.Add(int64(took))
	s.startFuel.Add(fuel)
}

// failure notes a failure, and reports whether somebody is to be told: not
// where that was done less than tellEvery ago.
func (s *stats) failure(at time.Time, text string) (tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastError, s.lastAt = text, at
	if tell = at.Sub(s.toldAt).Abs() >= tellEvery; tell {
		s.toldAt = at
	}
	return tell
}

func (s *stats) snapshot() engine.HookStats {
	var r engine.HookStats
	for point := range s.outcomes {
		for i := range actions {
			n := s.outcomes[point][i].Load()
			r.Calls += n
			switch actions[i] {
			case engine.HookFailed, engine.HookWasPassed:
				r.Failures += n
			case engine.HookRejected:
				r.Rejections += n
			}
		}
	}
	if ran := s.ran.Load(); ran > 0 {
		p50, p99 := s.times.quantile(0.50), s.times.quantile(0.99)
		mean := s.fuel.Load() / ran
		r.P50Micros, r.P99Micros, r.FuelPerCall = &p50, &p99, &mean
	}
	if r.Starts = s.starts.Load(); r.Starts > 0 {
		micros, fuel := float64(s.startNanos.Load())/1000/float64(r.Starts), s.startFuel.Load()/r.Starts
		r.StartMicros, r.FuelPerStart = &micros, &fuel
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lastAt.IsZero() {
		text, at := s.lastError, s.lastAt
		r.LastError, r.LastErrorAt = &text, &at
	}
	return r
}

// histogram counts durations in buckets of a logarithmic scale: eight for each
// power of two of nanoseconds, so that a quantile is off by 6% at most.
type histogram struct {
	buckets [8 * 40]atomic.Uint64
	nanos   atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	n := uint64(max(d, 8))
	power := bits.Len64(n) - 1 // 3 and more
	bucket := (power-3)*8 + int(n>>(power-3)&7)
	h.buckets[min(bucket, len(h.buckets)-1)].Add(1)
	h.nanos.Add(int64(d))
}

// middle is the middle of a bucket, in nanoseconds.
func middle(bucket int) float64 {
	return (float64(8+bucket%8) + 0.5) * float64(uint64(1)<<(bucket/8))
}

// quantile is in microseconds.
func (h *histogram) quantile(q float64) float64 {
	var counts [len(h.buckets)]uint64
	total := uint64(0)
	for i := range counts {
		counts[i] = h.buckets[i].Load()
		total += counts[i]
	}
	before, bucket := uint64(0), 0
	for i, n := range counts {
		if n > 0 {
			bucket = i
		}
		if before += n; float64(before) >= q*float64(total) {
			break
		}
	}
	return middle(bucket) / 1000
}
