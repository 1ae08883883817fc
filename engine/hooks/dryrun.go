package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twinbox/twinbox/engine"
)

// Probe implements engine.HookHost.
func (h *Host) Probe(ctx context.Context, r engine.HookRecord) error {
	p, release, err := h.programOf(ctx, r)
	if err != nil {
		return unfit(err)
	}
	defer release()
	room := h.newRoom("", r.Name, r.Limits)
	if err := room.begin(ctx, declaredMemory(p), time.Now().Add(h.patience)); err != nil {
		return err
	}
	s := setup{hook: r.Name, config: r.Config, limits: r.Limits, room: room, log: newCallLog(r.Limits.LogBytes, func(string, string) {})}
	if p.Shape == engine.HookCommand {
		i, err := instantiate(p, s)
		if err != nil {
			return unfit(err)
		}
		i.close()
		return nil
	}
	g, err := newGuest(p, s)
	if err != nil {
		return unfit(err)
	}
	g.close()
	return nil
}

// unfit is a failure to make an instance, for who installs the hook.
func unfit(err error) error {
	f, ok := errors.AsType[*fault](err)
	switch {
	case !ok:
		return err
	case f.config:
		return engine.InvalidField("config", "%s", f.text)
	}
	return engine.InvalidField("module", "%s", f.text)
}

// programOf returns r's active version, which is in use until done.
func (h *Host) programOf(ctx context.Context, r engine.HookRecord) (p *program, done func(), err error) {
	t, release := h.acquire()
	if t.closed {
		release()
		return nil, nil, errClosed()
	}
	if k := t.byName[r.Name]; k != nil && k.version.SHA256 == r.Version().SHA256 && k.limits.MemoryBytes == r.Limits.MemoryBytes {
		if p, err := k.load(ctx); err == nil {
			return p, release, nil
		}
	}
	if p, err = h.loadProgram(ctx, r.Version(), r.Limits); err != nil {
		release()
		return nil, nil, err
	}
	// The table is held also for p, so that Close waits for it.
	return p, func() { p.close(); release() }, nil
}

// DryRun implements engine.HookHost.
func (h *Host) DryRun(ctx context.Context, c engine.HookCall, chain []engine.HookRecord) ([]engine.HookStep, engine.HookAction, error) {
	p := &passage{HookCall: c, point: pointIndex(c.Point), epoch: h.opened}
	result := engine.HookPassed
	steps := []engine.HookStep{}
	for _, r := range chain {
		if ctx.Err() != nil {
			return nil, "", engine.Unavailable(context.Cause(ctx), "the dry run was ended before the hook %q: %v", r.Name, context.Cause(ctx))
		}
		step, err := h.dryStep(ctx, p, r)
		if err != nil {
			return nil, "", err
		}
		steps = append(steps, step)
		switch step.Action {
		case engine.HookPassed, engine.HookWasPassed:
		case engine.HookReplaced:
			result = step.Action
		default:
			return steps, step.Action, nil
		}
	}
	return steps, result, nil
}

// dryStep runs one hook. An error is not the hook's.
func (h *Host) dryStep(ctx context.Context, p *passage, r engine.HookRecord) (engine.HookStep, error) {
	step := engine.HookStep{Hook: r.Name, Input: p.Subject.Describe(), Log: []string{}}
	a, err := h.dryCall(ctx, p, r, &step)
	if s, ok := errors.AsType[subjectError](err); ok {
		return step, s.error
	}
	switch {
	case engine.CodeOf(err) == engine.CodeUnavailable:
		return step, err
	case err != nil:
		reason := messageOf(err)
		step.Action, step.Reason = engine.HookFailed, &reason
		if r.OnFailure == engine.HookSkip {
			step.Action = engine.HookWasPassed
		}
		return step, nil
	}
	switch step.Action = a.action; a.action {
	case engine.HookRejected:
		reason := cmp.Or(a.reason, fmt.Sprintf("the hook %q refused it", r.Name))
		step.Reason = &reason
	case engine.HookReplaced:
		step.Output = p.Subject.Describe()
	}
	return step, nil
}

func (h *Host) dryCall(ctx context.Context, p *passage, r engine.HookRecord, step *engine.HookStep) (a verdict, err error) {
	if err := p.fits(r.Limits); err != nil {
		return a, err
	}
	program, release, err := h.programOf(ctx, r)
	if err != nil {
		return a, err
	}
	defer release()
	room := h.newRoom(p.Target.AgentGroupID, r.Name, r.Limits)
	if err := room.begin(ctx, declaredMemory(program), time.Now().Add(h.patience)); err != nil {
		return a, err
	}
	log := newCallLog(r.Limits.LogBytes, func(level, line string) { step.Log = append(step.Log, level+": "+line) })
	g, err := newGuest(program, setup{hook: r.Name, config: r.Config, limits: r.Limits, log: log, room: room, fixed: true})
	if err != nil {
		return a, err
	}
	defer g.close()
	// After the instance, as a call does: no two wait for what the other has.
	if err := h.makeRoom(ctx, p); err != nil {
		return a, err
	}
	defer h.leaveRoom(p)
	if err := p.prepare(ctx, r.Limits); err != nil {
		return a, err
	}
	a, took, err := p.through(g, r.Limits, time.Since(p.epoch))
	step.Micros, step.Fuel, step.MemoryBytes = float64(took.Nanoseconds())/1000, g.spent(), g.memory()
	return a, err
}
