package lifecycle_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/lifecycle"
	"github.com/twinbox/twinbox/engine/sessions"
	"github.com/twinbox/twinbox/internal/dockertest"
)

// world is an engine whose clock goes twenty times as fast, and that starts
// real agents.
type world struct {
	*hosttest.Host
	begun   time.Time
	metrics *prometheus.Registry
}

func (w *world) now() time.Time { return w.begun.Add(20 * time.Since(w.begun)) }

// eachWaker runs a test with the agent of package dockertest as a command, in
// podman, and in the stand-in.
func eachWaker(t *testing.T, mode string, test func(t *testing.T, w *world)) {
	for _, kind := range slices.Concat([]string{"exec"}, dockertest.Names[:]) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := lifecycle.Group{IdleSeconds: 20, GraceSeconds: 5}
			root := dockertest.Root(t)
			if kind == "exec" {
				g.Exec = &lifecycle.Exec{Command: []string{root + "/agent", mode, ".", "1"}}
			} else {
				g.Docker = &lifecycle.Docker{CLI: dockertest.New(t, kind).Path, Rootfs: root, Command: []string{"/agent", mode, "/workspace", "1"}, ReadOnly: true}
			}
			test(t, open(t, lifecycle.Config{MaxRunning: 1, AgentGroups: map[string]lifecycle.Group{"*": g}}))
		})
	}
}

func open(t *testing.T, c lifecycle.Config) *world {
	t.Helper()
	data := t.TempDir()
	w := &world{begun: time.Now(), metrics: prometheus.NewRegistry()}
	wakers, err := lifecycle.New(data, c, nil)
	hosttest.Must(t, err)
	w.Host = hosttest.OpenWith(t, data, sessions.Options{Now: w.now}, engine.NewEventQueue(), func(c *engine.Config) { c.Wakers = wakers })
	hosttest.Must(t, wakers.Register(w.metrics, w.WakerLoads))
	_, err = w.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	hosttest.Must(t, err)
	return w
}

// starts is how often a session's agent was started.
func (w *world) starts(s engine.Session) int {
	text, _ := os.ReadFile(w.Folder(s, "starts"))
	return strings.Count(string(text), "\n")
}

func (w *world) acknowledge(t *testing.T, s engine.Session, id, status string) {
	t.Helper()
	w.Exec(t, s, "outbound.db", fmt.Sprintf(`INSERT INTO processing_ack VALUES ('%s', '%s', '%s')`, id, status, w.now().UTC().Format(time.DateTime)))
}

// metric returns the value of a metric of the agent group.
func (w *world) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := w.metrics.Gather()
	hosttest.Must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			if group := m.GetLabel()[0].GetValue(); len(f.GetMetric()) != 1 || group != hosttest.AgentGroup {
				t.Fatalf("%s has %v", name, f.GetMetric())
			}
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func TestAnIdleContainerGivesItsPlaceToTheNext(t *testing.T) {
	eachWaker(t, "run", func(t *testing.T, w *world) {
		a, b := w.Session(t), w.Session(t)
		w.MustWrite(t, a, "m", "hello")
		hosttest.Wait(t, "the first start", func() bool { return w.starts(a) == 1 })
		w.MustWrite(t, b, "m", "hello")
		for name, want := range map[string]float64{"twinbox_containers_running": 1, "twinbox_containers_waiting": 1, "twinbox_container_failures_total": 0} {
			if got := w.metric(t, name); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
		if w.starts(b) > 0 {
			t.Fatal("two run, and one may")
		}
		w.acknowledge(t, a, "m", "completed")
		hosttest.Wait(t, "the next one's start", func() bool { return w.starts(b) == 1 })
		hosttest.Wait(t, "the idle one's mark", func() bool {
			got, err := w.Engine.Session(t.Context(), a.ID)
			return err == nil && got.ContainerStatus == engine.ContainerStopped
		})
		w.acknowledge(t, b, "m", "completed")
		w.MustWrite(t, a, "m2", "and again")
		hosttest.Wait(t, "its second start", func() bool { return w.starts(a) == 2 })
		// The agent is there before the command line says so.
		hosttest.Wait(t, "the starts' count", func() bool { return w.metric(t, "twinbox_container_starts_total") == 3 })
		if n := w.metric(t, "twinbox_container_failures_total"); n != 0 {
			t.Errorf("%v failures are counted", n)
		}
		w.acknowledge(t, a, "m2", "completed")
	})
}

func TestAStuckContainerIsEndedAndAnotherOneStarted(t *testing.T) {
	eachWaker(t, "run", func(t *testing.T, w *world) {
		s := w.Session(t)
		w.MustWrite(t, s, "m", "hello")
		hosttest.Wait(t, "a start", func() bool { return w.starts(s) == 1 })
		w.acknowledge(t, s, "m", "processing")
		hosttest.Wait(t, "the next start", func() bool { return w.starts(s) == 2 })
		hosttest.Wait(t, "the failure's count", func() bool { return w.metric(t, "twinbox_container_failures_total") == 1 })
		w.acknowledge(t, s, "m", "completed")
	})
}

func TestAContainerThatEndsWithItsWorkUndoneIsStartedAgain(t *testing.T) {
	eachWaker(t, "exit", func(t *testing.T, w *world) {
		s := w.Session(t)
		w.MustWrite(t, s, "m", "hello")
		hosttest.Wait(t, "three starts", func() bool { return w.starts(s) >= 3 })
		if n := w.metric(t, "twinbox_container_failures_total"); n < 2 {
			t.Errorf("%v failures are counted", n)
		}
		w.acknowledge(t, s, "m", "completed")
	})
}
