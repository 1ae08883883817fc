package engine

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
)

const (
	maxHookModuleBytes = 16 << 20
	maxHookVersions    = 10 // of one hook
	maxHooks           = 200
	hookOrderStep      = 10
)

func inUse(v HookVersion) int {
	if v.Active {
		return 1
	}
	return 0
}

// InstallHookInput is a module, and settings.
type InstallHookInput struct {
	Name string
	// Module is a WebAssembly module, or a script's text.
	Module []byte
	HookChanges
}

// InstallHook installs a module, or a new version of the hook of that name.
// When it returns without an error the module is checked, compiled, tried,
// durable and in use; with one, nothing has changed.
func (e *Engine) InstallHook(ctx context.Context, in InstallHookInput) (Hook, error) {
	if err := checkHookName(in.Name); err != nil {
		return Hook{}, err
	}
	switch size := len(in.Module); {
	case size == 0:
		return Hook{}, InvalidField("module", "the module is empty: give a WebAssembly module, or the text of a script")
	case size > maxHookModuleBytes:
		return Hook{}, &Error{Code: CodeLimitExceeded, Field: []string{"module"},
			Message: fmt.Sprintf("the module has %d bytes, more than the %d that are allowed; leave debug information out", size, maxHookModuleBytes)}
	}
	done, err := e.beginHooks()
	if err != nil {
		return Hook{}, err
	}
	defer done()
	// To compile takes a while, in which other hooks can be changed.
	if _, err := e.hooks.Add(ctx, in.Module); err != nil {
		return Hook{}, err
	}
	return e.changeHook(ctx, in.Name, func(records []HookRecord, i int) (HookRecord, error) {
		// It is there, unless a change meanwhile has removed what no hook named.
		v, err := e.hooks.Add(ctx, in.Module)
		if err != nil {
			return HookRecord{}, err
		}
		r := HookRecord{Name: in.Name}
		if i >= 0 {
			r = records[i]
		} else {
			if len(records) >= maxHooks {
				return HookRecord{}, &Error{Code: CodeLimitExceeded, Field: []string{"name"}, Message: fmt.Sprintf("there are %d hooks, and more are not allowed; remove one", len(records))}
			}
			r.HookSettings = HookSettings{Enabled: true, OnFailure: HookFail, Limits: DefaultHookLimits().ForShape(v.Shape), Order: hookOrderStep}
			for _, other := range records {
				r.Order = max(r.Order, other.Order+hookOrderStep)
			}
		}
		v.InstalledAt = e.now()
		versions := slices.DeleteFunc(slices.Clone(r.Versions), func(old HookVersion) bool { return old.SHA256 == v.SHA256 })
		// What is in use comes next: it is what a rollback is to go back to.
		slices.SortStableFunc(versions, func(a, b HookVersion) int { return cmp.Compare(inUse(b), inUse(a)) })
		r.Versions = append([]HookVersion{v}, versions...)
		r.Versions = r.Versions[:min(len(r.Versions), maxHookVersions)]
		if in.Points == nil {
			r.Points = defaultPoints(v, r.Points)
		}
		return changed(activate(r, v.SHA256), in.HookChanges)
	})
}

// UpdateHook changes settings. CodeNotFound.
func (e *Engine) UpdateHook(ctx context.Context, name string, c HookChanges) (Hook, error) {
	done, err := e.beginHooks()
	if err != nil {
		return Hook{}, err
	}
	defer done()
	return e.changeHook(ctx, name, func(records []HookRecord, i int) (HookRecord, error) {
		if i < 0 {
			return HookRecord{}, hookNotFound(name)
		}
		return changed(records[i], c)
	})
}

// RollbackHook goes back to a version: nil is the newest of those that were
// installed before the one in use. CodeNotFound if there is none.
func (e *Engine) RollbackHook(ctx context.Context, name string, sha256 *string) (Hook, error) {
	done, err := e.beginHooks()
	if err != nil {
		return Hook{}, err
	}
	defer done()
	return e.changeHook(ctx, name, func(records []HookRecord, i int) (HookRecord, error) {
		if i < 0 {
			return HookRecord{}, hookNotFound(name)
		}
		r := records[i]
		at := slices.IndexFunc(r.Versions, func(v HookVersion) bool { return v.Active }) + 1
		if sha256 != nil {
			at = slices.IndexFunc(r.Versions, func(v HookVersion) bool { return v.SHA256 == *sha256 })
		}
		if at < 0 || at >= len(r.Versions) {
			if sha256 != nil {
				return HookRecord{}, &Error{Code: CodeNotFound, Field: []string{"sha256"}, Message: "hook " + name + " has no version with that hash"}
			}
			return HookRecord{}, &Error{Code: CodeNotFound, Field: []string{"name"}, Message: "hook " + name + " has no version before the one in use"}
		}
		r.Points = defaultPoints(r.Versions[at], r.Points)
		return activate(r, r.Versions[at].SHA256), nil
	})
}

// RemoveHook removes a hook with all its versions. CodeNotFound.
func (e *Engine) RemoveHook(ctx context.Context, name string) error {
	done, err := e.beginHooks()
	if err != nil {
		return err
	}
	defer done()
	unlock, err := e.lockHooks(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	switch err := e.registry.RemoveHook(ctx, name); {
	case CodeOf(err) == CodeNotFound:
		return hookNotFound(name)
	case err != nil:
		return err
	}
	e.emit(Event{Type: EventHookChanged, HookName: name})
	return e.reloadHooks(context.WithoutCancel(ctx))
}

// Hooks lists what is installed, by name.
func (e *Engine) Hooks(ctx context.Context) ([]Hook, error) {
	records, err := e.registry.Hooks(ctx)
	if err != nil || e.hooks == nil {
		return nil, err
	}
	hooks := make([]Hook, len(records))
	for i, r := range records {
		hooks[i] = Hook{r, e.hooks.State(r.Name)}
	}
	return hooks, nil
}

// Hook returns a hook by its name, or CodeNotFound.
func (e *Engine) Hook(ctx context.Context, name string) (Hook, error) {
	hooks, err := e.Hooks(ctx)
	if err != nil {
		return Hook{}, err
	}
	for _, h := range hooks {
		if h.Name == name {
			return h, nil
		}
	}
	return Hook{}, hookNotFound(name)
}

// HookLog returns the last n lines at most of what a hook logged, oldest first.
func (e *Engine) HookLog(name string, n int) []HookLogEntry {
	if e.hooks == nil {
		return nil
	}
	return e.hooks.Log(name, n)
}

// beginHooks is begin for what needs a host of hooks.
func (e *Engine) beginHooks() (done func(), err error) {
	if e.hooks == nil {
		return nil, Errorf(CodeUnavailable, "this engine was started without a place for hooks")
	}
	return e.begin()
}

// lockHooks lets one change of hooks in at a time, until unlock is called.
func (e *Engine) lockHooks(ctx context.Context) (unlock func(), err error) {
	select {
	case e.changingHooks <- struct{}{}:
		return func() { <-e.changingHooks }, nil
	case <-ctx.Done():
		return nil, Unavailable(context.Cause(ctx), "another change of hooks took too long; nothing has changed; try again later")
	}
}

// changeHook replaces the record of a name with what change makes of it; i is
// its index, or -1. What change returns is tried before it is kept.
func (e *Engine) changeHook(ctx context.Context, name string, change func(records []HookRecord, i int) (HookRecord, error)) (Hook, error) {
	unlock, err := e.lockHooks(ctx)
	if err != nil {
		return Hook{}, err
	}
	defer unlock()
	records, err := e.registry.Hooks(ctx)
	if err != nil {
		return Hook{}, err
	}
	i := slices.IndexFunc(records, func(r HookRecord) bool { return r.Name == name })
	r, err := change(records, i)
	if err == nil {
		// One that cannot run may be switched off, or given another place.
		if i < 0 || records[i].Version().SHA256 != r.Version().SHA256 || !bytes.Equal(records[i].Config, r.Config) || records[i].Limits != r.Limits {
			err = e.hooks.Probe(ctx, r)
		}
	}
	if err == nil {
		if err = e.registry.SaveHook(ctx, r); err == nil {
			e.emit(Event{Type: EventHookChanged, HookName: name})
		}
	}
	// Also after a failure, which may have left a module that nothing names.
	if rerr := e.reloadHooks(context.WithoutCancel(ctx)); err == nil {
		err = rerr
	}
	if err != nil {
		return Hook{}, err
	}
	return Hook{r, e.hooks.State(name)}, nil
}

// openHooks loads what is installed. Without a host it refuses to go on where
// a hook is enabled: messages would go by what redacts or stops them.
func (e *Engine) openHooks(ctx context.Context) error {
	if e.hooks != nil {
		return e.reloadHooks(ctx)
	}
	records, err := e.registry.Hooks(ctx)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Enabled {
			return Errorf(CodeInvalidInput, "the hook %q is enabled, and Config.Hooks names no host that would run it: give one, or disable the hook first", r.Name)
		}
	}
	return nil
}

// reloadHooks makes the host use what the registry has. The caller holds
// changingHooks, or is New.
func (e *Engine) reloadHooks(ctx context.Context) error {
	records, err := e.registry.Hooks(ctx)
	if err != nil {
		return err
	}
	e.hooks.Use(records)
	var hashes []string
	for _, r := range records {
		for _, v := range r.Versions {
			hashes = append(hashes, v.SHA256)
		}
	}
	if err := e.hooks.Keep(hashes); err != nil {
		e.log.Error("remove modules of hooks that nothing names", "error", err)
	}
	return nil
}

func activate(r HookRecord, sha256 string) HookRecord {
	r.Versions = slices.Clone(r.Versions)
	for i := range r.Versions {
		r.Versions[i].Active = r.Versions[i].SHA256 == sha256
	}
	return r
}

// defaultPoints are those that were set and that v handles, or else all that
// it handles; a command handles all there are, and is called for messages.
func defaultPoints(v HookVersion, were []HookPoint) []HookPoint {
	kept := slices.DeleteFunc(slices.Clone(were), func(p HookPoint) bool { return !slices.Contains(v.Handles, p) })
	switch {
	case len(kept) > 0:
		return kept
	case v.Shape == HookCommand:
		return []HookPoint{HookOnMessage}
	}
	return slices.Clone(v.Handles)
}

func hookNotFound(name string) error {
	return &Error{Code: CodeNotFound, Field: []string{"name"}, Message: fmt.Sprintf("there is no hook %q", clip(name))}
}
