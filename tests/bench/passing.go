package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"
)

const (
	// passingTurn is how long one side of a pair takes. A turn's rate is off by a
	// fifth, as the processor is shared with others, and with the index, which
	// works in bursts of 70 ms: only thousands of pairs show a difference of 3%,
	// and of turns that are longer than a burst it takes several times as many.
	passingTurn = 20 * time.Millisecond
	// passingLast is for how many turns a session lasts: its beginning, which
	// waits for the disk, is little of it, and it stays small.
	passingLast = 40
)

// measurePassing measures messages that go through hooks which pass them,
// beside messages that go through none.
func measurePassing(ctx context.Context, o options, dir string, _ time.Duration) (_ []result, err error) {
	g := guests{dir}
	for _, name := range passing {
		if err := g.build(ctx, name); err != nil {
			return nil, err
		}
	}
	s, err := servePassing(ctx, o.engine, filepath.Join(dir, "passing"), g)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.process.Stop()) }()
	var results []result
	for _, r := range []struct {
		name, hook string
		named      bool
		lasts      int
		pairs      int
		timesFloor float64
	}{
		{"writeMessage over HTTP, a hook passes", "pass", false, passingLast, o.pairs, 0.97},
		{"the same, sessions begin with each turn", "pass", false, 1, o.pairs / 5, 0},
		{"the same, messages have ids", "pass", true, passingLast, o.pairs / 5, 0},
		{"the same, the hook reads the text", "look", false, passingLast, o.pairs / 5, 0},
	} {
		say("measuring " + r.name)
		with, without, err := s.pairs(ctx, r.hook, r.named, r.lasts, max(1, r.pairs))
		if err != nil {
			return nil, err
		}
		is := row{name: r.name, unit: perSecond, timesFloor: r.timesFloor, floors: []floor{{name: "no hook"}}}
		results = append(results, is.result(with, nil, [][]sample{without}))
	}
	return results, nil
}

// passing are hooks, and the agent groups that have them.
var passing = [...]string{"pass", "look"}

// servePassing starts a server with these.
func servePassing(ctx context.Context, bin, data string, g guests) (*served, error) {
	s, err := serve(ctx, bin, data)
	if err != nil {
		return nil, err
	}
	for _, name := range passing {
		module, err := g.read(name)
		if err == nil {
			err = s.install(ctx, name, name, module)
		}
		if err != nil {
			return nil, errors.Join(err, s.process.Kill())
		}
	}
	return s, nil
}

// pairs measures messages of an agent group that has a hook and of one that has
// none, in turns, each in a session of its own that lasts for some: what changes
// on the machine meanwhile strikes both. Who begins changes, too.
func (s *served) pairs(ctx context.Context, agentGroup string, named bool, lasts, n int) (with, without []sample, err error) {
	var sides [2]struct {
		connected
		target
		samples []sample
	}
	for i := range sides {
		if sides[i].connected, err = connect(ctx, s.process.Address); err != nil {
			return nil, nil, err
		}
		defer func() { err = errors.Join(err, sides[i].close()) }()
	}
	for pair := range n {
		for i := range sides {
			n := (pair + i) % 2
			if pair%lasts == 0 {
				id, err := s.newSession(ctx, [2]string{"ag", agentGroup}[n])
				if err != nil {
					return nil, nil, err
				}
				sides[n].target = s.writeTarget(id)
				if named {
					sides[n].variables["input"].(map[string]any)["messageId"] = uniqueMark
				}
			}
			got, err := sides[n].send(ctx, sides[n].target, passingTurn)
			if err != nil {
				return nil, nil, err
			}
			sides[n].samples = append(sides[n].samples, got)
		}
	}
	return sides[1].samples, sides[0].samples, nil
}
