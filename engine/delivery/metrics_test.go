package delivery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/delivery"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

func TestOperatorsSeeWhetherAnythingIsStuck(t *testing.T) {
	h, c := newHost(t, nil)
	if got := metrics(t, h, c); len(got) != 0 {
		t.Errorf("metrics of nothing: %q", got)
	}
	r := newReceiver(t, func(q request) int {
		return map[string]int{"fine": 200, "dead": 410, "later": 503}[q.Reply.ID]
	})
	push(t, h, r.URL)
	s := session(t, h)
	say(t, h, s, "fine", 1)
	say(t, h, s, "dead", 3)
	say(t, h, s, "later", 5)
	say(t, h, s, "scheduled", 7, "deliver_after", engine.FormatTime(c.now().Add(time.Hour)))
	say(t, h, s, "astray", 9, "channel_type", "made-up", "platform_id", "x")
	hosttest.Wait(t, "the attempts", func() bool { return status(t, h, s, "later").LastError != nil })
	waitStatus(t, h, s, "dead", engine.DeliveryFailed)
	waitStatus(t, h, s, "astray", engine.DeliveryFailed)
	// What is done behind a mark ends with the index.
	hosttest.Wait(t, "the index", func() bool { return len(unsettled(t, h)) == 4 })
	c.pass(2 * time.Second)
	want := []string{
		"twinbox_replies_failed test 1", "twinbox_replies_failed unknown 1",
		"twinbox_replies_oldest_seconds test 2", "twinbox_replies_oldest_seconds unknown 0",
		"twinbox_replies_pending test 2", "twinbox_replies_pending unknown 0",
		"twinbox_webhook_attempts_total test delivered 1", "twinbox_webhook_attempts_total test failed 1", "twinbox_webhook_attempts_total test refused 1",
	}
	if got := metrics(t, h, c); !slices.Equal(got, want) {
		t.Errorf("metrics are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// metrics are as text: name, labels, value.
func metrics(t *testing.T, h *hosttest.Host, c *clock) (lines []string) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	hosttest.Must(t, r.Register(delivery.NewMetrics(h.Engine, c.now, nil)))
	families, err := r.Gather()
	hosttest.Must(t, err)
	for _, f := range families {
		for _, m := range f.Metric {
			line := f.GetName()
			for _, l := range m.Label {
				line += " " + l.GetValue()
			}
			lines = append(lines, fmt.Sprint(line, " ", m.GetGauge().GetValue()+m.GetCounter().GetValue()))
		}
	}
	return lines
}
