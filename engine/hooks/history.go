package hooks

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// history counts a hook's calls by the minute. A minute in which there are
// none takes no room, and a call finds its own without a lock. Its methods may
// be called concurrently.
type history struct {
	minutes [engine.MaxHookMinutes]atomic.Pointer[minute]
}

// minute is what became of the calls that ended in it.
type minute struct {
	n int64 // since the host's first
	// notRun counts failures of which no guest ran.
	notRun, failures atomic.Int64
	took             [minuteBuckets]atomic.Uint32
}

// minuteBuckets are four for each power of two of nanoseconds from
// minuteShortest on, so that a quantile is off by 11% at most, up to some two
// minutes.
const (
	minuteBuckets  = 4 * 30
	minuteShortest = 7
)

// at is the minute of a number.
func (h *history) at(n int64) *minute {
	place := &h.minutes[n%engine.MaxHookMinutes]
	for {
		m := place.Load()
		if m != nil && m.n >= n {
			return m
		}
		if next := (&minute{n: n}); place.CompareAndSwap(m, next) {
			return next
		}
	}
}

func (m *minute) ran(took time.Duration) {
	n := uint64(max(took, 1<<minuteShortest))
	power := bits.Len64(n) - 1
	bucket := (power-minuteShortest)*4 + int(n>>(power-2)&3)
	m.took[min(bucket, minuteBuckets-1)].Add(1)
}

func (m *minute) failed(ran bool) {
	m.failures.Add(1)
	if !ran {
		m.notRun.Add(1)
	}
}

// quantile is in microseconds, of so many calls.
func (m *minute) quantile(q float64, of int64) *float64 {
	before := int64(0)
	for i := range m.took {
		if before += int64(m.took[i].Load()); before > 0 && float64(before) >= q*float64(of) {
			micros := (float64(4+i%4) + 0.5) * float64(uint64(1)<<(i/4+minuteShortest-2)) / 1000
			return &micros
		}
	}
	return nil
}

// since lists minutes from a number on; begun is when that of number 0 began.
func (h *history) since(from, to int64, begun time.Time) []engine.HookMinute {
	var list []engine.HookMinute
	for n := max(from, 0); n <= to; n++ {
		m := h.minutes[n%engine.MaxHookMinutes].Load()
		if m == nil || m.n != n {
			continue
		}
		ran := int64(0)
		for i := range m.took {
			ran += int64(m.took[i].Load())
		}
		list = append(list, engine.HookMinute{At: begun.Add(time.Duration(n) * time.Minute).UTC(), Calls: ran + m.notRun.Load(), Failures: m.failures.Load(),
			P50Micros: m.quantile(0.50, ran), P95Micros: m.quantile(0.95, ran)})
	}
	return list
}

// begun is when the host's first minute began.
func (h *Host) begun() time.Time { return h.opened.Round(0).Truncate(time.Minute) }

// minute is the number of the minute in which something is, after the host was
// opened.
func (h *Host) minute(since time.Duration) int64 { return int64((since + h.phase) / time.Minute) }

// History implements engine.HookHost.
func (h *Host) History(name string, minutes int) []engine.HookMinute {
	t, release := h.acquire()
	defer release()
	a := t.accounts[name]
	if a == nil {
		return nil
	}
	now := h.minute(time.Since(h.opened))
	return a.history.since(now-int64(minutes)+1, now, h.begun())
}
