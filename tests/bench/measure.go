package main

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// sample is what one side of an operation did in one round, or the medians
// over all rounds.
type sample struct {
	PerSecond float64 `json:"perSecond"`
	P50Micros float64 `json:"p50Micros"`
	P99Micros float64 `json:"p99Micros"`
	// Allocs and AllocBytes are for one operation; only in-process sides have them.
	Allocs     float64 `json:"allocs,omitempty"`
	AllocBytes float64 `json:"allocBytes,omitempty"`
}

// measure lets callers call op at the same time, each so many times in a row.
func measure(callers, each int, op func(caller, i int) error) (sample, error) {
	took := make([]time.Duration, callers*each)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	var g errgroup.Group
	for c := range callers {
		g.Go(func() error {
			for i := range each {
				begun := time.Now()
				if err := op(c, i); err != nil {
					return err
				}
				took[c*each+i] = time.Since(begun)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return sample{}, err
	}
	s := summarise(took, time.Since(start))
	runtime.ReadMemStats(&after)
	s.Allocs = float64(after.Mallocs-before.Mallocs) / float64(len(took))
	s.AllocBytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(len(took))
	return s, nil
}

// measureBatches calls op so many times in a row, batch after batch, and takes
// the mean of each batch: for what takes no longer than reading a clock does.
func measureBatches(batches, size int, op func() error) (sample, error) {
	s, err := measure(1, batches, func(int, int) error {
		for range size {
			if err := op(); err != nil {
				return err
			}
		}
		return nil
	})
	n := float64(size)
	return sample{s.PerSecond * n, s.P50Micros / n, s.P99Micros / n, s.Allocs / n, s.AllocBytes / n}, err
}

func summarise(took []time.Duration, all time.Duration) sample {
	slices.Sort(took)
	return sample{
		PerSecond: float64(len(took)) / all.Seconds(),
		P50Micros: micros(took[len(took)/2]),
		P99Micros: micros(took[len(took)*99/100]),
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// medians takes the median of each figure by itself.
func medians(rounds []sample) sample {
	of := func(figure func(sample) float64) float64 {
		all := make([]float64, len(rounds))
		for i, s := range rounds {
			all[i] = figure(s)
		}
		return median(all)
	}
	return sample{
		PerSecond:  of(rate),
		P50Micros:  of(middle),
		P99Micros:  of(func(s sample) float64 { return s.P99Micros }),
		Allocs:     of(func(s sample) float64 { return s.Allocs }),
		AllocBytes: of(func(s sample) float64 { return s.AllocBytes }),
	}
}

func median[T cmp.Ordered](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

func rate(s sample) float64   { return s.PerSecond }
func middle(s sample) float64 { return s.P50Micros }

// ratio is the median of the rounds' ratios of one figure: a minute in which
// the machine is slow strikes both sides of a round.
func ratio(over, under []sample, figure func(sample) float64) float64 {
	return median(ratios(over, under, figure))
}

func ratios(over, under []sample, figure func(sample) float64) []float64 {
	all := make([]float64, min(len(over), len(under)))
	for i := range all {
		all[i] = figure(over[i]) / figure(under[i])
	}
	return all
}

// manyRounds are enough to tell where their median lies.
const manyRounds = 30

// likely is where the median of what all is a sample of lies, at odds of nine to
// one: between two of its values, by the binomial distribution.
func likely(all []float64) (low, high float64) {
	slices.Sort(all)
	n := float64(len(all))
	off := 1.645 * math.Sqrt(n) / 2
	return all[int(max(0, n/2-off))], all[int(min(n-1, n/2+off))]
}
