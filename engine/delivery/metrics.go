package delivery

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
)

// metrics tell operators whether anything is stuck. They are made when they
// are asked for. Labels are channel types of chats and webhooks, never what an
// agent made up.
type metrics struct {
	engine *engine.Engine
	now    func() time.Time
	log    *slog.Logger

	pending, failed, oldest, attempts *prometheus.Desc
}

// collectTime bounds what a look into the registry takes.
const collectTime = 5 * time.Second

// NewMetrics returns what there is to watch of an engine's deliveries. now nil
// is time.Now, log nil discards.
func NewMetrics(e *engine.Engine, now func() time.Time, log *slog.Logger) prometheus.Collector {
	if now == nil {
		now = time.Now
	}
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("twinbox_"+name, help, append([]string{"channel_type"}, more...), nil)
	}
	return &metrics{engine: e, now: now, log: cmp.Or(log, slog.New(slog.DiscardHandler)),
		pending:  desc("replies_pending", "Replies that are on their way, are paused, wait for their time, or to be claimed."),
		failed:   desc("replies_failed", "Replies that did not arrive, and wait for somebody to act."),
		oldest:   desc("replies_oldest_seconds", "For how long the oldest pending reply has been due."),
		attempts: desc("webhook_attempts_total", "Attempts to push a reply to a webhook, by what they came to.", "outcome"),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.pending, m.failed, m.oldest, m.attempts} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	for a, n := range m.engine.WebhookAttempts() {
		to <- prometheus.MustNewConstMetric(m.attempts, prometheus.CounterValue, float64(n), a.ChannelType, string(a.Outcome))
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectTime)
	defer cancel()
	loads, err := m.engine.DeliveryLoads(ctx)
	if err != nil {
		m.log.Warn("count the replies that are not delivered", "error", err)
		return
	}
	for _, l := range loads {
		channel := cmp.Or(l.ChannelType, "unknown")
		gauge := func(d *prometheus.Desc, v float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, channel)
		}
		gauge(m.pending, float64(l.Pending))
		gauge(m.failed, float64(l.Failed))
		age := 0.0
		if l.DueSince != nil {
			age = max(m.now().Sub(*l.DueSince).Truncate(time.Millisecond).Seconds(), 0)
		}
		gauge(m.oldest, age)
	}
}
