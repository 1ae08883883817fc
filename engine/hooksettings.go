package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

const (
	maxHookNameBytes    = 64
	maxHookConfigBytes  = 256 << 10
	maxHookScopeEntries = 1000
	maxHookInstances    = 256
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

// changed is r with changes, checked.
func changed(r HookRecord, c HookChanges) (HookRecord, error) {
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
