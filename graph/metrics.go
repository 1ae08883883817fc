package graph

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/vektah/gqlparser/v2/ast"
)

// metrics counts requests and operations. No label comes from a client.
type metrics struct {
	requests   *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	operations *prometheus.CounterVec
	handler    http.Handler
}

func newMetrics(registry *prometheus.Registry, b *budget, s *streams) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinbox_http_requests_total", Help: "HTTP requests answered."}, []string{"route", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "twinbox_http_request_duration_seconds", Help: "Time from a request's header to the end of its answer.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 30}}, []string{"route"}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinbox_graphql_operations_total", Help: "GraphQL operations by the code of their first error, OK without one."}, []string{"type", "code"}),
		handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true}),
	}
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "twinbox_http_body_bytes_in_flight", Help: "Memory taken by the bodies of GraphQL requests."},
		func() float64 { return float64(b.used.Load()) })
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "twinbox_event_streams", Help: "Subscriptions and event streams that are open."},
		func() float64 { return float64(s.count()) })
	for _, c := range []prometheus.Collector{m.requests, m.durations, m.operations, inFlight, open,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) request(route string, status int) {
	m.requests.WithLabelValues(route, statusText(status)).Inc()
}

// took is not told of streams, whose time says nothing about the engine.
func (m *metrics) took(route string, took time.Duration) {
	m.durations.WithLabelValues(route).Observe(took.Seconds())
}

// statusText spares the usual case an allocation.
func statusText(status int) string {
	if status == http.StatusOK {
		return "200"
	}
	return strconv.Itoa(status)
}

func (m *metrics) operation(op *ast.OperationDefinition, code string) {
	kind := "unknown"
	if op != nil {
		kind = string(op.Operation)
	}
	m.operations.WithLabelValues(kind, code).Inc()
}
