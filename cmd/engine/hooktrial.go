package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
	"github.com/twinbox/twinbox/wasm-hooks/fixture"
)

// trialFlags are what a hook is tried with.
type trialFlags struct {
	config, fuel, memory string
}

func (f *trialFlags) bind(c *cobra.Command) {
	c.Flags().StringVar(&f.config, "config", "", "its configuration: JSON, or @FILE")
	c.Flags().StringVar(&f.fuel, "fuel", "", "fuel for a call, for each started 16 KiB of input (default: as an engine gives a new hook)")
	c.Flags().StringVar(&f.memory, "memory", "", "memory of one instance (default: as an engine gives a new hook)")
}

func (f *trialFlags) apply(c *cobra.Command, s *engine.HookSettings) (err error) {
	if f.config != "" {
		if s.Config, err = readJSON(c, "config", f.config); err != nil {
			return err
		}
	}
	for _, l := range []struct {
		flag, text string
		to         *int64
	}{{"fuel", f.fuel, &s.Limits.Fuel}, {"memory", f.memory, &s.Limits.MemoryBytes}} {
		if l.text != "" {
			if *l.to, err = parseAmount(l.flag, l.text); err != nil {
				return err
			}
		}
	}
	return nil
}

// trial is a hook on its own, on this machine, without an engine.
type trial struct {
	cache  hookCache
	host   *hooks.Host
	record engine.HookRecord
}

// try makes ready what runs a hook, for as long as use uses it.
func (f trialFlags) try(c *cobra.Command, s hookSource, use func(*trial) error) (err error) {
	t, err := openTrial(c, s, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	return use(t)
}

func openTrial(c *cobra.Command, s hookSource, f trialFlags) (_ *trial, err error) {
	t := &trial{record: engine.HookRecord{Name: s.name, HookSettings: engine.HookSettings{Enabled: true, OnFailure: engine.HookFail}}}
	if t.cache, err = openHookCache(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	compiler, err := hookCompiler()
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	if t.host, err = hooks.Open(t.cache.dir, hooks.Options{Compiler: compiler, Log: log}); err != nil {
		return nil, err
	}
	v, err := t.host.Add(c.Context(), s.module)
	if err != nil {
		return nil, refused(err, "hook "+s.name)
	}
	// What is tried next is most often the same again.
	if err := t.host.Keep([]string{v.SHA256}); err != nil {
		return nil, err
	}
	v.Active = true
	t.record.Versions, t.record.Points = []engine.HookVersion{v}, v.Handles
	t.record.Limits = engine.DefaultHookLimits().ForShape(v.Shape)
	return t, f.apply(c, &t.record.HookSettings)
}

func (t *trial) close() (err error) {
	if t.host != nil {
		err = t.host.Close()
	}
	return errors.Join(err, t.cache.close())
}

// outcome is what a hook made of a sample.
type outcome struct {
	engine.HookStep
	replaced engine.HookAnswer
}

// call runs the hook on a sample, on a fresh instance with a fixed clock and
// seed. A failure of the hook is an outcome.
func (t *trial) call(ctx context.Context, s fixture.Case) (outcome, error) {
	if handles := t.record.Version().Handles; !slices.Contains(handles, s.Point) {
		return outcome{}, failf(exitUsage, "hook %s has nothing to call at %s: it handles %s", t.record.Name, s.Point.Export(), pointNames(handles))
	}
	call, watched, err := newHookCall(s)
	if err != nil {
		return outcome{}, err
	}
	record := t.record
	if s.Config != nil {
		record.Config = s.Config
	}
	steps, _, err := t.host.DryRun(ctx, call, []engine.HookRecord{record})
	if err != nil {
		return outcome{}, err
	}
	return outcome{HookStep: steps[0], replaced: watched.answer}, nil
}

// newHookCall makes a call on the case; each needs its own.
func newHookCall(s fixture.Case) (engine.HookCall, *watchedSubject, error) {
	subject, err := engine.NewHookSubject(s.Point, s.Sample)
	if err != nil {
		return engine.HookCall{}, nil, refused(err, "the input")
	}
	w := &watchedSubject{HookSubject: subject}
	return engine.HookCall{Point: s.Point, Subject: w}, w, nil
}

// watchedSubject keeps what a hook replaced.
type watchedSubject struct {
	engine.HookSubject
	answer engine.HookAnswer
}

func (w *watchedSubject) Replace(a engine.HookAnswer) error {
	if err := w.HookSubject.Replace(a); err != nil {
		return err
	}
	// What a hook answers is its own memory.
	a.Content, a.Bytes, a.Labels = slices.Clone(a.Content), slices.Clone(a.Bytes), slices.Clone(a.Labels)
	a.Name, a.MimeType = clonePointer(a.Name), clonePointer(a.MimeType)
	w.answer = a
	return nil
}

func clonePointer(s *string) *string {
	if s == nil {
		return nil
	}
	return new(strings.Clone(*s))
}

// answer is the outcome as JSON, as hooks answer.
func (o outcome) answer() (json.RawMessage, error) {
	return json.Marshal(struct {
		Action   string          `json:"action"`
		Reason   *string         `json:"reason,omitempty"`
		Content  json.RawMessage `json:"content,omitempty"`
		Labels   []string        `json:"labels,omitzero"`
		Name     *string         `json:"name,omitempty"`
		MimeType *string         `json:"mimeType,omitempty"`
	}{strings.ToLower(string(o.Action)), o.Reason, o.replaced.Content, o.replaced.Labels, o.replaced.Name, o.replaced.MimeType})
}

func pointNames(points []engine.HookPoint) string {
	names := make([]string, len(points))
	for i, p := range points {
		names[i] = p.Export()
	}
	return strings.Join(names, ", ")
}

// refused says of what it is that the engine would refuse.
func refused(err error, what string) error {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return &exitError{code: cmp.Or(exitCodeOf(string(e.Code)), exitFailure), err: fmt.Errorf("%s: %w", what, err)}
	}
	return err
}
