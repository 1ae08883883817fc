package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// install installs a hook for an agent group.
func (s *served) install(ctx context.Context, name, agentGroup string, module []byte) error {
	var out struct {
		InstallHook struct {
			Hook       *struct{ Name string }
			UserErrors []struct{ Message string }
		}
	}
	err := s.process.Query(ctx, `mutation($input: InstallHookInput!) {
		installHook(input: $input) { hook { name } userErrors { message } } }`, map[string]any{"input": map[string]any{
		"name": name, "module": base64.StdEncoding.EncodeToString(module), "scope": map[string]any{"agentGroupIds": []string{agentGroup}}}}, &out)
	if err == nil && out.InstallHook.Hook == nil {
		err = fmt.Errorf("install the hook %s: %v", name, out.InstallHook.UserErrors)
	}
	return err
}

// overNone measures messages of an agent group that has a hook, and those of
// one that has none, in turns: what changes on the machine meanwhile strikes
// both then. Few long turns differ by more than what is to be seen. The latter
// is to be measured first: it does the work for both.
func (s *served) overNone(agentGroup string, named bool, turns int, d time.Duration) (with, without side) {
	var kept sample
	without = func(ctx context.Context, _ int) (sample, error) {
		var both [2][]sample
		for turn := range turns {
			for i := range both {
				side := (turn + i) % 2 // who begins changes, too
				got, err := s.writeTo(ctx, [2]string{"ag", agentGroup}[side], named, d/16)
				if err != nil {
					return sample{}, err
				}
				both[side] = append(both[side], got)
			}
		}
		kept = medians(both[1])
		return medians(both[0]), nil
	}
	return func(context.Context, int) (sample, error) { return kept, nil }, without
}

// restart measures how long it takes from starting the engine until a message
// has gone through as many hooks as are installed in data.
type restart struct{ bin, data, session string }

// newRestart installs copies of a hook, which are all different modules.
func newRestart(ctx context.Context, bin, data string, module []byte, copies int) (_ *restart, err error) {
	s, err := serve(ctx, bin, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.process.Stop()) }()
	for i := range copies {
		// A section of no meaning makes it another module.
		copied := append(module[:len(module):len(module)], "\x00"+sized(sized("copy")+unsigned(i))...)
		if err := s.install(ctx, fmt.Sprintf("hook-%d", i), "look", copied); err != nil {
			return nil, err
		}
	}
	session, err := s.newSession(ctx, "look")
	return &restart{bin, data, session}, err
}

func (r *restart) side(ctx context.Context, _ int) (_ sample, err error) {
	begun := time.Now()
	p, err := engineproc.Serve(r.bin, r.data)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	t := (&served{process: p}).writeTarget(r.session)
	var out struct{ WriteMessage struct{ Outcome string } }
	if err := p.Query(ctx, t.document, t.variables, &out); err != nil {
		return sample{}, err
	}
	took := time.Since(begun)
	if out.WriteMessage.Outcome != "WRITTEN" {
		return sample{}, fmt.Errorf("the message was %q", out.WriteMessage.Outcome)
	}
	return summarise([]time.Duration{took}, took), nil
}

// serveHooked starts a server with hooks that pass.
func serveHooked(ctx context.Context, o options, dir string, g guests) (*served, error) {
	s, err := serve(ctx, o.engine, filepath.Join(dir, "hooked"))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"pass", "look"} {
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
