package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"
)

// passingTurn is how long one side of a pair takes. A turn's rate is off by a
// quarter, as the processor is shared with others: only thousands of pairs show
// a difference of 3%.
const passingTurn = 60 * time.Millisecond

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
		pairs      int
		timesFloor float64
	}{
		{"writeMessage over HTTP, a hook passes", "pass", false, o.pairs, 0.97},
		{"the same, messages have ids", "pass", true, o.pairs / 5, 0},
		{"the same, the hook reads the text", "look", false, o.pairs / 5, 0},
	} {
		say("measuring " + r.name)
		with, without, err := s.pairs(ctx, r.hook, r.named, max(1, r.pairs))
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
// none, in turns, of which each has a session of its own: what changes on the
// machine meanwhile strikes both. Who begins changes, too.
func (s *served) pairs(ctx context.Context, agentGroup string, named bool, n int) (with, without []sample, err error) {
	var sides [2]struct {
		connected
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
			id, err := s.newSession(ctx, [2]string{"ag", agentGroup}[n])
			if err != nil {
				return nil, nil, err
			}
			t := s.writeTarget(id)
			if named {
				t.variables["input"].(map[string]any)["messageId"] = uniqueMark
			}
			got, err := sides[n].send(ctx, t, passingTurn)
			if err != nil {
				return nil, nil, err
			}
			sides[n].samples = append(sides[n].samples, got)
		}
	}
	return sides[1].samples, sides[0].samples, nil
}
