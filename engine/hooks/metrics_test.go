package hooks_test

import (
	"testing"
)

func TestMetricsGoWithTheirHook(t *testing.T) {
	b := mustOpen(t)
	b.mustUse("one", answering("").bytes())
	for range 3 {
		if _, _, err := b.message("a"); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.metric("calls_total"); n != 3 {
		t.Errorf("%v calls", n)
	}
	s := b.State("one").Stats
	if s.Calls != 3 || s.P50Micros == nil || *s.P50Micros <= 0 || s.FuelPerCall == nil || *s.FuelPerCall <= 0 {
		t.Errorf("%+v", s)
	}
	b.Use(nil)
	if n := b.metric("calls_total"); n != 0 {
		t.Errorf("%v calls of a hook that is gone", n)
	}
	if n := b.metric("memory_bytes"); n != 0 {
		t.Errorf("%v bytes of a hook that is gone", n)
	}
}
