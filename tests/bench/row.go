package main

import (
	"context"
	"fmt"
	"time"
)

// side does an operation in one round and says how it went. What it needs
// beforehand it makes untimed.
type side func(ctx context.Context, round int) (sample, error)

// unit is what a row is compared by.
type unit string

const (
	perCall   unit = "p50"       // less is better; targets against a floor are upper bounds
	perSecond unit = "perSecond" // more is better; targets against a floor are lower bounds
)

// row is an operation with all that does it.
type row struct {
	name   string
	unit   unit
	ours   side
	peer   side    // may be nil
	floors []floor // the target is for the first
	// The ratios to reach; 0 where there is none.
	timesPeer, timesFloor float64
	// atMost is the time to reach where that is no ratio; 0 is none.
	atMost time.Duration
	// ofTail: atMost is for the 99th percentile.
	ofTail bool
	// allocFree rows have to do without allocations, too.
	allocFree bool
}

type floor struct {
	name string
	side side
}

// result is a row with its medians.
type result struct {
	Operation string        `json:"operation"`
	Unit      unit          `json:"unit"`
	Twinbox   sample        `json:"twinbox"`
	Peer      *sample       `json:"peer,omitempty"`
	Floors    []floorResult `json:"floors,omitempty"`
	// TimesPeer is how many times faster than the peer.
	TimesPeer   float64 `json:"timesPeer,omitempty"`
	TargetPeer  float64 `json:"targetPeer,omitempty"`
	TargetFloor float64 `json:"targetFloor,omitempty"`
	// TargetMicros is an upper bound.
	TargetMicros float64 `json:"targetMicros,omitempty"`
	OfTail       bool    `json:"ofTail,omitempty"`
	AllocFree    bool    `json:"allocFree,omitempty"`
	Reached      *bool   `json:"reached,omitempty"`
}

type floorResult struct {
	Name string `json:"name"`
	sample
	// TimesFloor is time by the floor's time, or rate by the floor's rate.
	TimesFloor float64 `json:"timesFloor"`
	// Low and High are what TimesFloor is likely between; nil where that is not
	// known.
	Low  *float64 `json:"low,omitempty"`
	High *float64 `json:"high,omitempty"`
}

// run measures all rows, round by round, so that the sides of one row stand
// close together in time and a slow minute of the machine strikes them all.
func run(ctx context.Context, rows []row, rounds int, prepare func(context.Context) error, say func(string)) ([]result, error) {
	type measured struct {
		ours, peer []sample
		floors     [][]sample
	}
	all := make([]measured, len(rows))
	for round := range rounds {
		begun := time.Now()
		if err := prepare(ctx); err != nil {
			return nil, err
		}
		for i, r := range rows {
			m := &all[i]
			if m.floors == nil {
				m.floors = make([][]sample, len(r.floors))
			}
			take := func(to *[]sample, by string, s side) error {
				if s == nil {
					return nil
				}
				got, err := s(ctx, round)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", r.name, by, err)
				}
				*to = append(*to, got)
				return nil
			}
			if err := take(&m.peer, "peer", r.peer); err != nil {
				return nil, err
			}
			for f := range r.floors {
				if err := take(&m.floors[f], "floor", r.floors[f].side); err != nil {
					return nil, err
				}
			}
			if err := take(&m.ours, "twinbox", r.ours); err != nil {
				return nil, err
			}
		}
		say(fmt.Sprintf("round %d of %d: %s", round+1, rounds, time.Since(begun).Round(time.Second)))
	}
	results := make([]result, len(rows))
	for i, r := range rows {
		results[i] = r.result(all[i].ours, all[i].peer, all[i].floors)
	}
	return results, nil
}

func (r row) result(ours, peer []sample, floors [][]sample) result {
	out := result{Operation: r.name, Unit: r.unit, Twinbox: medians(ours), TargetPeer: r.timesPeer, TargetFloor: r.timesFloor,
		TargetMicros: micros(r.atMost), OfTail: r.ofTail, AllocFree: r.allocFree}
	took := out.Twinbox.P50Micros
	if r.ofTail {
		took = out.Twinbox.P99Micros
	}
	reached := r.atMost == 0 || took <= out.TargetMicros
	if r.allocFree {
		// What the runtime allocates for itself meanwhile is not the calls'.
		reached = reached && out.Twinbox.Allocs < 0.01
	}
	if len(peer) > 0 {
		p := medians(peer)
		out.Peer = &p
		out.TimesPeer = ratio(ours, peer, rate)
		if r.unit == perCall {
			out.TimesPeer = ratio(peer, ours, middle)
		}
		reached = reached && out.TimesPeer >= r.timesPeer
	}
	for i, f := range r.floors {
		m := medians(floors[i])
		times := ratio(ours, floors[i], rate)
		if r.unit == perCall {
			times = ratio(ours, floors[i], middle)
		}
		if i == 0 && r.timesFloor > 0 {
			if r.unit == perCall {
				reached = reached && times <= r.timesFloor
			} else {
				reached = reached && times >= r.timesFloor
			}
		}
		is := floorResult{Name: f.name, sample: m, TimesFloor: times}
		if len(ours) >= manyRounds {
			low, high := likely(ratios(ours, floors[i], rate))
			is.Low, is.High = &low, &high
		}
		out.Floors = append(out.Floors, is)
	}
	if r.timesPeer > 0 || r.timesFloor > 0 || r.atMost > 0 {
		out.Reached = &reached
	}
	return out
}
