package lifecycle

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
)

// metrics tell operators whether containers start, and whether they are enough.
type metrics struct {
	wakers *Wakers
	loads  func() []engine.WakerLoad

	running, waiting, starts, failures *prometheus.Desc
}

// Register has metrics of what the engine does for containers; loads says what
// that is.
func (w *Wakers) Register(r prometheus.Registerer, loads func() []engine.WakerLoad) error {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("twinbox_container"+name, help, []string{"agent_group", "waker"}, nil)
	}
	err := r.Register(&metrics{wakers: w, loads: loads,
		running:  desc("s_running", "Containers that the engine runs, or is about to."),
		waiting:  desc("s_waiting", "Sessions that are due and wait for a place for their container."),
		starts:   desc("_starts_total", "Containers that the engine has started or taken over."),
		failures: desc("_failures_total", "Containers that did not start, or that ended with their work undone.")})
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.running, m.waiting, m.starts, m.failures} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	for _, l := range m.loads() {
		kind := m.wakers.Kind(l.AgentGroupID)
		send := func(d *prometheus.Desc, t prometheus.ValueType, v float64) {
			to <- prometheus.MustNewConstMetric(d, t, v, l.AgentGroupID, kind)
		}
		send(m.running, prometheus.GaugeValue, float64(l.Running))
		send(m.waiting, prometheus.GaugeValue, float64(l.Waiting))
		send(m.starts, prometheus.CounterValue, float64(l.Starts))
		send(m.failures, prometheus.CounterValue, float64(l.Failures))
	}
}
