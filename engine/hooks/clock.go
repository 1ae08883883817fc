package hooks

import (
	crand "crypto/rand"
	"math/rand/v2"
	"time"
)

// fixedTime is where the clock of fixed instances stands.
var fixedTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clock is an instance's time. Sleeping takes none: it moves the clock on.
type clock struct {
	fixed bool
	begun time.Time // of the instance
	// slept moves the monotonic clock, for ever; ahead the wall clock, for one
	// call, lest a pooled instance lives in the future.
	slept, ahead time.Duration
}

const maxSleep = 24 * time.Hour

func (c *clock) sleep(d time.Duration) {
	d = min(max(d, 0), maxSleep)
	if c.slept < 1000*maxSleep {
		c.slept += d
		c.ahead += d
	}
}

// wall is in nanoseconds since 1970.
func (c *clock) wall() int64 {
	if c.fixed {
		return fixedTime.Add(c.ahead).UnixNano()
	}
	return time.Now().Add(c.ahead).UnixNano()
}

// monotonic is in nanoseconds since some time before.
func (c *clock) monotonic() int64 {
	if c.fixed {
		return int64(time.Second + c.slept)
	}
	return int64(time.Second + time.Since(c.begun) + c.slept)
}

func randomness(fixed bool) *rand.ChaCha8 {
	var seed [32]byte
	if !fixed {
		// It never fails: the process would have ended.
		_, _ = crand.Read(seed[:])
	}
	return rand.NewChaCha8(seed)
}
