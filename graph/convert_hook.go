package graph

import (
	"bytes"
	"encoding/json"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

const (
	defaultLogLines = 100
	maxLogLines     = 1000
)

// installHookInput translates the API's input but for the module.
func installHookInput(in model.InstallHookInput) (engine.InstallHookInput, error) {
	changes, err := hookChanges(model.UpdateHookInput{Enabled: in.Enabled, Points: in.Points, Order: in.Order, OnFailure: in.OnFailure,
		Config: in.Config, Scope: in.Scope, Limits: in.Limits})
	return engine.InstallHookInput{Name: in.Name, HookChanges: changes}, err
}

// hookChanges translates settings. A config of null is the JSON that it is.
func hookChanges(in model.UpdateHookInput) (engine.HookChanges, error) {
	c := engine.HookChanges{Enabled: in.Enabled, Points: in.Points, Order: in.Order, OnFailure: in.OnFailure, Scope: in.Scope, Limits: in.Limits}
	config, set := in.Config.ValueOK()
	if !set {
		return c, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(config)
	c.Config = bytes.TrimSpace(b.Bytes())
	return c, err
}

// withModule calls install with a decoded module, whose memory comes on top of
// that of the request's text.
func withModule(b *budget, encoded model.Base64, install func(module []byte) (engine.Hook, error)) (engine.Hook, error) {
	l := lease{budget: b}
	defer l.shrinkTo(0)
	if !l.grow(int64(encoded.Len())) {
		return engine.Hook{}, engine.Errorf(engine.CodeUnavailable, "%s", faultBusy.message)
	}
	module, err := encoded.Decode()
	if err != nil {
		return engine.Hook{}, engine.InvalidField("module", "%s", err)
	}
	return install(module)
}

func shownHooks(hooks []engine.Hook) []model.Hook {
	shown := make([]model.Hook, len(hooks))
	for i, h := range hooks {
		shown[i] = model.Hook{Hook: h}
	}
	return shown
}

func dryRunInput(in model.DryRunHooksInput) engine.DryRunHooksInput {
	out := engine.DryRunHooksInput{Point: in.Point, SessionID: in.SessionID, MessageID: in.MessageID, Hook: in.Hook}
	out.Content.Value, out.Content.Set = in.Content.ValueOK()
	if in.Kind != nil {
		out.Kind = *in.Kind
	}
	return out
}

func dryRunPayload(run engine.HookDryRun, err error) (*model.DryRunHooksPayload, error) {
	errs, err := userErrors(err)
	if err != nil {
		return nil, err
	}
	p := &model.DryRunHooksPayload{Result: object(run.Result, errs), Steps: make([]model.HookStep, len(run.Steps)), UserErrors: errs}
	if len(errs) == 0 {
		p.Content = run.Content
	}
	for i, s := range run.Steps {
		p.Steps[i] = model.HookStep{HookStep: s}
	}
	return p, nil
}
