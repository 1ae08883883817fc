package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

const (
	maxHookNameBytes    = 64
	maxHookModuleBytes  = 16 << 20
	maxHookConfigBytes  = 256 << 10
	maxHookVersions     = 10 // of one hook
	maxHooks            = 200
	maxHookScopeEntries = 1000
	maxHookInstances    = 256
	hookOrderStep       = 10
)

// DefaultHookLimits are what a hook gets that is installed without limits; see
// ForShape.
func DefaultHookLimits() HookLimits {
	return HookLimits{Fuel: 40_000_000, MemoryBytes: 128 << 20, InputBytes: 32 << 20, OutputBytes: 32 << 20, LogBytes: 16 << 10, Instances: 8}
}

// ForShape are the limits that a new hook of a shape gets: a script's fuel is
// spent by its interpreter, several times as fast as a module's own code does.
func (l HookLimits) ForShape(s HookShape) HookLimits {
	if s == HookScript {
		l.Fuel *= 5
	}
	return l
}

func inUse(v HookVersion) int {
	if v.Active {
		return 1
	}
	return 0
}

// HookChanges are settings to change; what is nil stays as it is, or for a new
// hook as it is by default.
type HookChanges struct {
	Enabled   *bool
	Points    []HookPoint
	Order     *int
	OnFailure *HookFailurePolicy
	// Config "null" is none.
	Config json.RawMessage
	Scope  *HookScopeChanges
	Limits *HookLimitsChanges
}

// HookScopeChanges changes lists that are not nil.
type HookScopeChanges struct{ AgentGroupIDs, ChannelTypes, Kinds []string }

// HookLimitsChanges changes limits that are not nil.
type HookLimitsChanges struct {
	Fuel, MemoryBytes, InputBytes, OutputBytes, LogBytes *int64
	Instances                                            *int
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
	return e.changeHooks(ctx, in.Name, func(records []HookRecord, i int) (HookRecord, error) {
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
		return e.changed(activate(r, v.SHA256), in.HookChanges)
	})
}

// UpdateHook changes settings. CodeNotFound.
func (e *Engine) UpdateHook(ctx context.Context, name string, c HookChanges) (Hook, error) {
	return e.changeHooks(ctx, name, func(records []HookRecord, i int) (HookRecord, error) {
		if i < 0 {
			return HookRecord{}, hookNotFound(name)
		}
		return e.changed(records[i], c)
	})
}

// RollbackHook goes back to a version: nil is the newest of those that were
// installed before the one in use. CodeNotFound if there is none.
func (e *Engine) RollbackHook(ctx context.Context, name string, sha256 *string) (Hook, error) {
	return e.changeHooks(ctx, name, func(records []HookRecord, i int) (HookRecord, error) {
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
	if err := e.registry.RemoveHook(ctx, name); err != nil {
		return withField(err, "name")
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

// beginHooks lets one change of hooks in at a time, until done is called.
func (e *Engine) beginHooks() (done func(), err error) {
	if e.hooks == nil {
		return nil, Errorf(CodeUnavailable, "this engine was started without a place for hooks")
	}
	end, err := e.begin()
	if err != nil {
		return nil, err
	}
	e.changingHooks.Lock()
	return func() {
		e.changingHooks.Unlock()
		end()
	}, nil
}

// changeHooks replaces the record of a name with what change makes of it; i is
// its index, or -1. What change returns is tried before it is kept.
func (e *Engine) changeHooks(ctx context.Context, name string, change func(records []HookRecord, i int) (HookRecord, error)) (Hook, error) {
	done, err := e.beginHooks()
	if err != nil {
		return Hook{}, err
	}
	defer done()
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

func (e *Engine) changed(r HookRecord, c HookChanges) (HookRecord, error) {
	set(&r.Enabled, c.Enabled)
	set(&r.Order, c.Order)
	set(&r.OnFailure, c.OnFailure)
	if c.Points != nil {
		r.Points = slices.Compact(slices.Sorted(slices.Values(c.Points)))
	}
	if c.Config != nil {
		r.Config = c.Config
		if bytes.Equal(bytes.TrimSpace(c.Config), []byte("null")) {
			r.Config = nil
		}
	}
	if s := c.Scope; s != nil {
		setList(&r.Scope.AgentGroupIDs, s.AgentGroupIDs)
		setList(&r.Scope.ChannelTypes, s.ChannelTypes)
		setList(&r.Scope.Kinds, s.Kinds)
	}
	if l := c.Limits; l != nil {
		set(&r.Limits.Fuel, l.Fuel)
		set(&r.Limits.MemoryBytes, l.MemoryBytes)
		set(&r.Limits.InputBytes, l.InputBytes)
		set(&r.Limits.OutputBytes, l.OutputBytes)
		set(&r.Limits.LogBytes, l.LogBytes)
		set(&r.Limits.Instances, l.Instances)
	}
	return r, checkHookSettings(r)
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func setList(to *[]string, from []string) {
	if from != nil {
		*to = slices.Compact(slices.Sorted(slices.Values(from)))
	}
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

func checkHookName(name string) error {
	if !SafeID(name) || len(name) > maxHookNameBytes || name[0] == '-' {
		return InvalidField("name", "%q is not a name for a hook: up to %d letters, digits, '.', '_' and '-', with no '.' or '-' first", clip(name), maxHookNameBytes)
	}
	return nil
}

func checkHookSettings(r HookRecord) error {
	if len(r.Points) == 0 {
		return InvalidField("points", "name a point at least; to switch the hook off, disable it")
	}
	for _, p := range r.Points {
		if !slices.Contains(HookPoints(), p) {
			return InvalidField("points", "%q is not a point", clip(string(p)))
		}
		// A record that was damaged has no version, and may be switched off.
		if v := r.Version(); v.SHA256 != "" && !slices.Contains(v.Handles, p) {
			return InvalidField("points", "the module has nothing to call at %s: it handles %v", p, v.Handles)
		}
	}
	if r.OnFailure != HookFail && r.OnFailure != HookSkip {
		return InvalidField("onFailure", "%q is not a policy for failures", clip(string(r.OnFailure)))
	}
	if len(r.Config) > maxHookConfigBytes {
		return &Error{Code: CodeLimitExceeded, Field: []string{"config"}, Message: fmt.Sprintf("the configuration has more than the %d bytes that are allowed", maxHookConfigBytes)}
	}
	if r.Config != nil && !json.Valid(r.Config) {
		return InvalidField("config", "the configuration is not JSON")
	}
	return first(checkHookScope(r.Scope), checkHookLimits(r.Limits))
}

func checkHookScope(s HookScope) error {
	for _, l := range []struct {
		field string
		list  []string
		max   int
	}{
		{"agentGroupIds", s.AgentGroupIDs, maxNameBytes},
		{"channelTypes", s.ChannelTypes, maxChannelTypeBytes},
		{"kinds", s.Kinds, maxKindBytes},
	} {
		if len(l.list) > maxHookScopeEntries {
			return &Error{Code: CodeLimitExceeded, Field: []string{"scope", l.field}, Message: fmt.Sprintf("more than %d entries", maxHookScopeEntries)}
		}
		for _, v := range l.list {
			if err := checkText(l.field, v, l.max); err != nil {
				return InvalidField(l.field, "%s", err).In("scope")
			}
		}
	}
	return nil
}

func checkHookLimits(l HookLimits) error {
	for _, c := range []struct {
		field           string
		value, min, max int64
	}{
		{"fuel", l.Fuel, 10_000, 1_000_000_000_000},
		{"memoryBytes", l.MemoryBytes, 64 << 10, 2 << 30},
		{"inputBytes", l.InputBytes, 1 << 10, 256 << 20},
		{"outputBytes", l.OutputBytes, 1 << 10, 256 << 20},
		{"logBytes", l.LogBytes, 0, 1 << 20},
		{"instances", int64(l.Instances), 1, maxHookInstances},
	} {
		if c.value < c.min || c.value > c.max {
			return InvalidField(c.field, "%d is not within %d and %d", c.value, c.min, c.max).In("limits")
		}
	}
	return nil
}

func hookNotFound(name string) error {
	return &Error{Code: CodeNotFound, Field: []string{"name"}, Message: fmt.Sprintf("there is no hook %q", clip(name))}
}
