package hooks

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/twinbox/twinbox/engine"
)

// CloseIdle closes instances that nobody has called since before.
func (h *Host) CloseIdle(before time.Time) { h.closeIdle(before.Sub(h.opened)) }

// ParseAnswer is what a host does with a hook's answer.
func ParseAnswer(p engine.HookPoint, b []byte) (engine.HookAction, string, engine.HookAnswer, error) {
	v, err := parseAnswer(p, b)
	return v.action, v.reason, v.replace, err
}

// CheckObject is how it is read.
func CheckObject(b []byte, member func(key, value []byte) error) error { return checkObject(b, member) }

// Caller is an instance that is called without a host around it. Close it
// before the host.
type Caller struct {
	g       guest
	release func()
}

// NewCaller makes an instance of a hook.
func (h *Host) NewCaller(ctx context.Context, r engine.HookRecord) (Caller, error) {
	p, release, err := h.programOf(ctx, r)
	if err != nil {
		return Caller{}, err
	}
	room := h.newRoom("", r.Name, r.Limits)
	g, err := newGuest(p, setup{hook: r.Name, limits: r.Limits, room: room, log: newCallLog(r.Limits.LogBytes, func(string, string) {})})
	return Caller{g, release}, err
}

// Call calls a point, and hook_done.
func (c Caller) Call(p engine.HookPoint, input []byte, fuel int64) error {
	if _, err := c.g.call(p, input, fuel); err != nil {
		return err
	}
	return c.g.done()
}

func (c Caller) Close() {
	c.g.close()
	c.release()
}

func InstantiateImports(ctx context.Context, r wazero.Runtime) error {
	return instantiateImports(ctx, r)
}

func Offered(module, name string) bool { return offered(module, name) }

// Times counts durations, and returns the quantiles in microseconds and the
// buckets in seconds.
func Times(took []time.Duration) (p50, p99 float64, buckets map[float64]uint64) {
	var h histogram
	for _, d := range took {
		h.add(d)
	}
	_, _, buckets = h.cumulative()
	return h.quantile(0.50), h.quantile(0.99), buckets
}

// Minutes is the history, up to a minute, of calls that took so long each.
func Minutes(took map[int64][]time.Duration, until int64, begun time.Time) []engine.HookMinute {
	var h history
	for _, n := range slices.Sorted(maps.Keys(took)) {
		for _, d := range took[n] {
			h.at(n).ran(d)
		}
	}
	return h.since(0, until, begun)
}
