package hooks_test

import (
	"math"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/hooks"
)

func TestHistoryTellsWhatEachMinuteHad(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("good", answering("").bytes())
	b.mustUse("bad", answering("nonsense").bytes(), func(r *engine.HookRecord) { r.OnFailure = engine.HookSkip })
	begun := time.Now().Add(-time.Minute)
	const calls = 8 // of which the last find the circuit open
	for range calls {
		if _, _, err := b.message("a"); err != nil {
			t.Fatal(err)
		}
	}
	for name, failures := range map[string]int64{"good": 0, "bad": calls} {
		var sum engine.HookMinute
		for _, m := range b.History(name, engine.MaxHookMinutes) { // a minute may have ended meanwhile
			if m.At.Before(begun) || m.At.After(time.Now()) || m.At.Second() != 0 {
				t.Errorf("%s: a minute of %v", name, m.At)
			}
			if m.P50Micros != nil && (*m.P50Micros <= 0 || *m.P95Micros < *m.P50Micros) {
				t.Errorf("%s: half took less than %v, and most less than %v", name, *m.P50Micros, *m.P95Micros)
			}
			sum.Calls, sum.Failures = sum.Calls+m.Calls, sum.Failures+m.Failures
		}
		if sum.Calls != calls || sum.Failures != failures {
			t.Errorf("%s: %d calls and %d failures", name, sum.Calls, sum.Failures)
		}
	}
	if h := b.History("nobody", 1); h != nil {
		t.Errorf("a hook that is not there has %v", h)
	}
}

func TestHistoryForgetsWhatIsLongAgo(t *testing.T) {
	took := map[int64][]time.Duration{0: {time.Second}, 3: {time.Second}, engine.MaxHookMinutes: {time.Millisecond}, engine.MaxHookMinutes + 1: {time.Millisecond}}
	begun := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	all := hooks.Minutes(took, engine.MaxHookMinutes+2, begun)
	if len(all) != 3 || !all[0].At.Equal(begun.Add(3*time.Minute)) || !all[2].At.Equal(begun.Add((engine.MaxHookMinutes+1)*time.Minute)) {
		t.Errorf("%+v", all)
	}
}

func TestTimesOfAMinuteAreNearTheTruth(t *testing.T) {
	for _, unit := range []time.Duration{10 * time.Microsecond, time.Millisecond, 100 * time.Millisecond} {
		var took []time.Duration
		for n := range 1000 {
			took = append(took, time.Duration(n+1)*unit)
		}
		m := hooks.Minutes(map[int64][]time.Duration{0: took}, 0, time.Time{})[0]
		for _, c := range []struct{ got, want float64 }{{*m.P50Micros, 500}, {*m.P95Micros, 950}} {
			if want := c.want * float64(unit) / 1000; math.Abs(c.got-want) > 0.125*want {
				t.Errorf("%v: %v microseconds; want %v", unit, c.got, want)
			}
		}
	}
}
