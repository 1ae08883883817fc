package hooks

import (
	"time"

	"github.com/twinbox/twinbox/engine"
)

// CloseIdle closes instances that nobody has called since before.
func (h *Host) CloseIdle(before time.Time) { h.closeIdle(before) }

// ParseAnswer is what a host does with a hook's answer.
func ParseAnswer(p engine.HookPoint, b []byte) (engine.HookAction, string, engine.HookAnswer, error) {
	v, err := parseAnswer(p, b)
	return v.action, v.reason, v.replace, err
}

// CheckObject is how it is read.
func CheckObject(b []byte, member func(key, value []byte) error) error { return checkObject(b, member) }
