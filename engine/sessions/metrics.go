package sessions

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
)

// metrics tell operators whether mailboxes are written, how fast, and how
// well callers share commits. No label comes from a client.
type metrics struct {
	messages *prometheus.CounterVec
	batch    prometheus.Histogram
	commit   prometheus.Histogram
	acks     prometheus.Counter
}

func newMetrics(r prometheus.Registerer, s *Store) (*metrics, error) {
	m := &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinbox_messages_total", Help: "Messages answered, by outcome or by the error's code."}, []string{"outcome"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "twinbox_mailbox_batch_operations", Help: "Operations that shared one commit to an inbound.db.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "twinbox_mailbox_batch_seconds", Help: "Time from opening an inbound.db to the end of its commit.",
			Buckets: prometheus.ExponentialBuckets(.00025, 2, 16)}),
		acks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "twinbox_acknowledgements_copied_total", Help: "Acknowledgements copied from an outbound.db to its inbound.db."}),
	}
	if r == nil {
		return m, nil
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "twinbox_mailbox_waiting_operations", Help: "Operations that wait for a mailbox."}, s.waiting)
	watched := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "twinbox_mailbox_watched_sessions", Help: "Sessions with messages that their container has not acknowledged, as far as they were looked at."},
		func() float64 { return float64(s.watcher.size()) })
	for _, c := range []prometheus.Collector{m.messages, m.batch, m.commit, m.acks, waiting, watched} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) answered(r engine.WriteResult) {
	outcome := string(r.Outcome)
	if r.Err != nil {
		outcome = string(engine.CodeOf(r.Err))
	}
	m.messages.WithLabelValues(outcome).Inc()
}

func (s *Store) waiting() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, w := range s.writers {
		n += len(w.queue)
	}
	return float64(n)
}
