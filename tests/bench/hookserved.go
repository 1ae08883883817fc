package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
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
