package hooks

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
)

// series are made from the statistics when they are asked for, so that a call
// pays for neither, and what is not in use any more has no series. No label
// comes from a client.
type series struct {
	host *Host

	calls, seconds, fuel, starts, startSeconds, startFuel, instances, circuit, memory, waiting *prometheus.Desc
}

func newSeries(h *Host) *series {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("twinbox_hook_"+name, help, labels, nil)
	}
	return &series{
		host:         h,
		calls:        desc("calls_total", "Calls of hooks by what they came to.", "hook", "point", "action"),
		seconds:      desc("seconds", "Time in a hook's module.", "hook"),
		fuel:         desc("fuel_total", "Fuel that a hook has spent.", "hook"),
		starts:       desc("starts_total", "Instances of a hook's module that were made.", "hook"),
		startSeconds: desc("start_seconds_total", "Time that it took to make them.", "hook"),
		startFuel:    desc("start_fuel_total", "Fuel that it took to make them.", "hook"),
		instances:    desc("instances", "Instances of a hook's module.", "hook"),
		circuit:      desc("circuit", "A hook's circuits, the worst over its agent groups: 0 closed, 1 half open, 2 open.", "hook"),
		memory:       desc("memory_bytes", "Memory of a hook's instances; without a hook, of what is tried before it is installed.", "hook"),
		waiting:      desc("waiting", "Calls that wait for an instance, or for memory."),
	}
}

// Describe implements prometheus.Collector.
func (m *series) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.calls, m.seconds, m.fuel, m.starts, m.startSeconds, m.startFuel, m.instances, m.circuit, m.memory, m.waiting} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *series) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge(m.waiting, float64(m.host.waiting.Load()+m.host.memory.waiting.Load()+m.host.inputs.waiting.Load()))
	t, release := m.host.acquire()
	defer release()
	memory := map[string]int64{}
	others := m.host.memory.sum(func(hook string, bytes int64) { memory[hook] = bytes })
	for name, a := range t.accounts {
		for _, p := range engine.HookPoints() {
			for i := range actions {
				if n := a.outcomes[pointIndex(p)][i].Load(); n > 0 {
					counter(m.calls, float64(n), name, p.Export(), strings.ToLower(string(actions[i])))
				}
			}
		}
		counter(m.fuel, float64(a.fuel.Load()), name)
		counter(m.starts, float64(a.starts.Load()), name)
		counter(m.startSeconds, float64(a.startNanos.Load())/1e9, name)
		counter(m.startFuel, float64(a.startFuel.Load()), name)
		count, sum, buckets := a.times.cumulative()
		to <- prometheus.MustNewConstHistogram(m.seconds, count, sum, buckets, name)
		state := engine.CircuitClosed
		instances := 0
		if k := t.byName[name]; k != nil {
			state, instances = k.circuits.state(m.host.now), k.instances()
		}
		gauge(m.instances, float64(instances), name)
		gauge(m.memory, float64(memory[name]), name)
		others -= memory[name]
		gauge(m.circuit, map[engine.CircuitState]float64{engine.CircuitHalfOpen: 1, engine.CircuitOpen: 2}[state], name)
	}
	gauge(m.memory, float64(others), "")
}

// cumulative is the histogram as Prometheus has it, in seconds: from a
// microsecond in steps of four up to some seventeen seconds.
func (h *histogram) cumulative() (count uint64, sum float64, buckets map[float64]uint64) {
	buckets = map[float64]uint64{}
	for i := range h.buckets {
		if power := i/8 + 3; i%8 == 0 && power >= 10 && power <= 34 && power%2 == 0 {
			buckets[float64(uint64(1)<<power)/1e9] = count
		}
		count += h.buckets[i].Load()
	}
	return count, float64(h.nanos.Load()) / 1e9, buckets
}
