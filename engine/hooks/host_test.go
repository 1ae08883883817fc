package hooks_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

// bench is a host with what a test looks at.
type bench struct {
	*hooks.Host
	t       testing.TB
	metrics *prometheus.Registry
	clock   *clock
	records []engine.HookRecord
}

func mustOpen(t testing.TB, change ...func(*hooks.Options)) *bench {
	t.Helper()
	b := &bench{t: t, metrics: prometheus.NewRegistry(), clock: &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
	o := hooks.Options{Now: b.clock.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: b.metrics}
	for _, c := range change {
		c(&o)
	}
	h, err := hooks.Open(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	b.Host = h
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// mustAdd adds a module and returns a hook that is called at all its points.
func (b *bench) mustAdd(name string, module []byte, change ...func(*engine.HookRecord)) engine.HookRecord {
	b.t.Helper()
	v, err := b.Add(b.t.Context(), module)
	if err != nil {
		b.t.Fatalf("add %s: %v", name, err)
	}
	v.Active = true
	r := engine.HookRecord{Name: name, Versions: []engine.HookVersion{v}, HookSettings: engine.HookSettings{
		Enabled: true, Points: v.Handles, OnFailure: engine.HookFail, Limits: engine.DefaultHookLimits(), Order: len(b.records),
	}}
	for _, c := range change {
		c(&r)
	}
	return r
}

// mustUse adds a module and uses it with those before.
func (b *bench) mustUse(name string, module []byte, change ...func(*engine.HookRecord)) {
	b.t.Helper()
	b.records = append(b.records, b.mustAdd(name, module, change...))
	b.Use(b.records)
}

// message runs a message of a group through the hooks.
func (b *bench) message(group string) (string, engine.HookAction, error) {
	s := &subject{content: `"hello"`}
	a, err := b.Run(b.t.Context(), onMessage(group, s))
	return s.content, a, err
}

func onMessage(group string, s engine.HookSubject) engine.HookCall {
	return engine.HookCall{Point: engine.HookOnMessage, Target: engine.HookTarget{AgentGroupID: group, ChannelType: "mail", Kind: "chat"}, Subject: s}
}

// metric adds up the values of a metric, those of some hooks or of all.
func (b *bench) metric(name string, of ...string) (sum float64) {
	families, err := b.metrics.Gather()
	if err != nil {
		b.t.Error(err)
	}
	for _, f := range families {
		if f.GetName() != "twinbox_hook_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(of) == 0 || slices.Contains(of, m.GetLabel()[0].GetValue()) {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// await waits until a metric has a value.
func (b *bench) await(name string, value float64) {
	b.t.Helper()
	for b.metric(name) != value {
		if err := b.t.Context().Err(); err != nil {
			b.t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// subject is a content, or an attachment's bytes, or labels. Replacing it waits
// while hold is open, which keeps the instance that answered in use.
type subject struct {
	content  string
	point    engine.HookPoint
	bytes    string
	labels   []string
	appended int
	released int
	size     int64
	failure  error
	refuse   bool
	entered  chan<- struct{}
	hold     <-chan struct{}
}

func (s *subject) InputBytes() int64 { return s.size }

func (s *subject) Release() { s.released++ }

func (s *subject) AppendInput(_ context.Context, b []byte) ([]byte, error) {
	s.appended++
	text := `{"abi":1,"point":"on_message","content":` + s.content + `}`
	if s.point == engine.HookOnAttachment {
		text = frame(`{"abi":1,"point":"on_attachment"}`, s.bytes)
	}
	return append(b, text...), s.failure
}

func (s *subject) Replace(a engine.HookAnswer) error {
	if s.hold != nil {
		s.entered <- struct{}{}
		<-s.hold
	}
	if s.refuse {
		return engine.InvalidField("content", "nobody wants it")
	}
	switch {
	case a.Content != nil:
		s.content = string(a.Content)
	case a.ReplaceBytes:
		s.bytes = string(a.Bytes)
	}
	if a.Name != nil {
		s.content = *a.Name
	}
	s.labels = a.Labels
	return nil
}

func (s *subject) Describe() json.RawMessage { return json.RawMessage(s.content) }

// clock is a time that the test moves.
type clock struct {
	mu sync.Mutex // guards at
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// mustFail checks an error's code and that its message has each of the texts.
func mustFail(t testing.TB, err error, code engine.Code, texts ...string) {
	t.Helper()
	if engine.CodeOf(err) != code {
		t.Fatalf("%v; want %s", err, code)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v\nlacks %q", err, text)
		}
	}
}

func TestAHookPassesReplacesDropsAndRejects(t *testing.T) {
	b := mustOpen(t)
	for _, c := range []struct {
		answer, content string
		action          engine.HookAction
	}{
		{"", `"hello"`, engine.HookPassed},
		{`{"action":"pass"}`, `"hello"`, engine.HookPassed},
		{`{"action":"replace","content":{"text":"other"}}`, `{"text":"other"}`, engine.HookReplaced},
		{`{"action":"drop"}`, `"hello"`, engine.HookDropped},
	} {
		b.records = nil
		b.mustUse("one", answering(c.answer).bytes())
		if content, action, err := b.message("a"); content != c.content || action != c.action || err != nil {
			t.Errorf("%s: %s, %s, %v", c.answer, content, action, err)
		}
	}
	b.records = nil
	b.mustUse("one", answering(`{"action":"reject","reason":"not\nhere\u0007"}`).bytes())
	_, action, err := b.message("a")
	mustFail(t, err, engine.CodeHookRejected)
	if err.Error() != "not here\uFFFD" || action != engine.HookRejected {
		t.Errorf("%q, %s", err, action)
	}
}

func TestAChainRunsInOrderOnWhatCameBefore(t *testing.T) {
	b := mustOpen(t)
	replace := func(with string) []byte { return answering(`{"action":"replace","content":"` + with + `"}`).bytes() }
	order := func(n int) func(*engine.HookRecord) { return func(r *engine.HookRecord) { r.Order = n } }
	b.mustUse("last", replace("last"), order(9))
	b.mustUse("first", replace("first"), order(1))
	b.mustUse("passes", answering("").bytes(), order(5))
	b.mustUse("passes-too", answering("").bytes(), order(5))
	b.mustUse("elsewhere", answering(`{"action":"drop"}`).bytes(), order(2), func(r *engine.HookRecord) { r.Scope.ChannelTypes = []string{"chat"} })
	b.mustUse("off", answering(`{"action":"drop"}`).bytes(), order(2), func(r *engine.HookRecord) { r.Enabled = false })
	s := &subject{content: `"hello"`}
	action, err := b.Run(t.Context(), onMessage("a", s))
	if s.content != `"last"` || action != engine.HookReplaced || err != nil {
		t.Errorf("%s, %s, %v", s.content, action, err)
	}
	if s.appended != 2 {
		t.Errorf("the input was made %d times; it changed once", s.appended)
	}
	if b.Applies(engine.HookOnSession, engine.HookTarget{AgentGroupID: "a"}) || !b.Applies(engine.HookOnMessage, onMessage("a", s).Target) {
		t.Error("the wrong points apply")
	}
}

func TestAFailureFollowsThePolicy(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("first", answering(`{"action":"replace","content":"first"}`).bytes())
	b.mustUse("bad", answering("nonsense").bytes(), func(r *engine.HookRecord) { r.OnFailure = engine.HookSkip })
	if content, action, err := b.message("a"); content != `"first"` || action != engine.HookReplaced || err != nil {
		t.Fatalf("%s, %s, %v", content, action, err)
	}
	state := b.State("bad")
	if s := state.Stats; s.Calls != 1 || s.Failures != 1 || s.LastError == nil || !strings.Contains(*s.LastError, "not JSON") {
		t.Errorf("%+v", s)
	}
	if log := b.Log("bad", 5); len(log) != 1 || log[0].Level != "error" {
		t.Errorf("%v", log)
	}
	b.records[1].OnFailure = engine.HookFail
	b.Use(b.records)
	_, action, err := b.message("a")
	mustFail(t, err, engine.CodeHookFailed, `hook "bad" failed at on_message: it answered with what is not JSON`, "; nothing was written")
	if action != engine.HookFailed {
		t.Error(action)
	}
	_, err = b.Run(t.Context(), onMessage("a", &subject{content: `""`, refuse: true}))
	mustFail(t, err, engine.CodeHookFailed, `hook "first" failed at on_message: its answer was refused: nobody wants it; nothing was written`)
}

func TestWhatIsNotTheHooksFaultIsNotCounted(t *testing.T) {
	b := mustOpen(t, func(o *hooks.Options) { o.QueueTime = time.Millisecond })
	b.mustUse("one", answering(`{"action":"replace","content":"x"}`).bytes(), func(r *engine.HookRecord) { r.Limits.Instances = 1 })
	b.await("instances", 0)
	mustLoad(t, b, "a")

	disk := engine.Unavailable(io.ErrUnexpectedEOF, "the disk is gone")
	if _, err := b.Run(t.Context(), onMessage("a", &subject{content: `""`, failure: disk})); err != error(disk) {
		t.Errorf("%v", err)
	}
	entered, hold := make(chan struct{}, 1), make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		if _, err := b.Run(t.Context(), onMessage("a", &subject{content: `""`, entered: entered, hold: hold})); err != nil {
			t.Error(err)
		}
	})
	<-entered
	_, _, err := b.message("a")
	mustFail(t, err, engine.CodeUnavailable, "all 1 instances", `"one"`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Run(ctx, onMessage("a", &subject{content: `""`}))
	mustFail(t, err, engine.CodeUnavailable)
	close(hold)
	busy.Wait()
	if s := b.State("one").Stats; s.Failures != 0 || s.Calls != 2 {
		t.Errorf("%+v", s)
	}
}

// mustLoad calls until the program is loaded, which may take longer than a
// test's host is patient.
func mustLoad(t testing.TB, b *bench, group string) {
	t.Helper()
	for {
		_, _, err := b.message(group)
		if engine.CodeOf(err) != engine.CodeUnavailable {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
	}
}

func TestAHookThatDoesNotLoadFollowsItsPolicy(t *testing.T) {
	b := mustOpen(t)
	r := b.mustAdd("gone", answering("").bytes())
	if err := b.Keep(nil); err != nil {
		t.Fatal(err)
	}
	b.records = []engine.HookRecord{r}
	b.Use(b.records)
	_, _, err := b.message("a")
	mustFail(t, err, engine.CodeHookFailed, `"gone"`)
	if p := b.State("gone").Problem; p == nil {
		t.Error("it does not say so")
	}
	b.records[0].OnFailure = engine.HookSkip
	b.Use(b.records)
	if content, _, err := b.message("a"); content != `"hello"` || err != nil {
		t.Errorf("%s, %v", content, err)
	}
	// A record that is damaged has no version, and no limits.
	b.Use([]engine.HookRecord{{Name: "damaged", HookSettings: engine.HookSettings{Enabled: true, Points: engine.HookPoints(), OnFailure: engine.HookFail}}})
	_, _, err = b.message("a")
	mustFail(t, err, engine.CodeHookFailed, `"damaged"`, "it cannot be loaded")
	b.Use(b.records)
	// When it is back, it is tried again after a while.
	b.mustAdd("gone", answering("").bytes())
	b.clock.pass(time.Minute)
	if _, _, err := b.message("a"); err != nil {
		t.Error(err)
	}
	if p := b.State("gone").Problem; p != nil {
		t.Error(*p)
	}
}

func TestAClosedHostLetsNothingBy(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering("").bytes())
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if !b.Applies(engine.HookOnMessage, engine.HookTarget{}) {
		t.Error("a message would go by the hooks")
	}
	_, _, err := b.message("a")
	mustFail(t, err, engine.CodeUnavailable)
}

func TestCloseWaitsForWhatRuns(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering(`{"action":"replace","content":"x"}`).bytes())
	entered, hold, ended, closed := make(chan struct{}), make(chan struct{}), make(chan error, 1), make(chan struct{})
	go func() {
		_, err := b.Run(t.Context(), onMessage("a", &subject{content: `""`, entered: entered, hold: hold}))
		ended <- err
	}()
	<-entered
	go func() {
		defer close(closed)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	deadline := time.Now().Add(time.Minute)
	for !b.Applies(engine.HookOnSession, engine.HookTarget{}) { // no hook does: the host is being closed
		if time.Now().After(deadline) {
			t.Error("the host is not being closed")
			break
		}
		time.Sleep(time.Millisecond)
	}
	_, _, err := b.message("a")
	mustFail(t, err, engine.CodeUnavailable)
	select {
	case <-closed:
		t.Error("it did not wait")
	default:
	}
	close(hold)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	<-closed
}
