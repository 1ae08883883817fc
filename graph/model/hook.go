package model

import "github.com/twinbox/twinbox/engine"

// Hook is a hook as the API shows it.
type Hook struct{ engine.Hook }

// Version is the one in use. A hook whose record is damaged has none: it is
// the newest, which says that it is not active.
func (h Hook) Version() engine.HookVersion {
	v := h.Hook.Version()
	if v.SHA256 == "" && len(h.Versions) > 0 {
		v = h.Versions[0]
	}
	return v
}

// Config is JSON as it stands, for the scalar JSON.
func (h Hook) Config() any { return h.Hook.Config }

// HookStep is a step of a dry run as the API shows it.
type HookStep struct{ engine.HookStep }

// Input is JSON as it stands, for the scalar JSON.
func (s HookStep) Input() any { return s.HookStep.Input }

// Output is described at Input.
func (s HookStep) Output() any { return s.HookStep.Output }
