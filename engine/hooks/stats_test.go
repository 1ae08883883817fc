package hooks_test

import (
	"math"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine/hooks"
)

func TestQuantilesAreNearTheTruth(t *testing.T) {
	for _, unit := range []time.Duration{10 * time.Nanosecond, time.Microsecond, time.Second} {
		var took []time.Duration
		for n := range 1000 {
			took = append(took, time.Duration(n+1)*unit)
		}
		p50, p99, buckets := hooks.Times(took)
		for _, c := range []struct{ got, want float64 }{{p50, 500}, {p99, 990}} {
			want := c.want * float64(unit) / 1000
			if math.Abs(c.got-want) > 0.065*want {
				t.Errorf("%v: %v microseconds; want %v", unit, c.got, want)
			}
		}
		for bound, n := range buckets {
			want := min(1000, math.Ceil(bound*1e9/float64(unit))-1)
			if math.Abs(float64(n)-want) > 1 {
				t.Errorf("%v: %d are below %v s; want %v", unit, n, bound, want)
			}
		}
	}
}
