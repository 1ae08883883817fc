package delivery_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
)

func TestAPauseIsNoLongerForAClockThatIsSetBack(t *testing.T) {
	for _, when := range []struct {
		name string
		set  func(t *testing.T, h *hosttest.Host, c *clock) *hosttest.Host
		most time.Duration // is the pause then
	}{
		{"while the engine runs", func(_ *testing.T, h *hosttest.Host, c *clock) *hosttest.Host {
			c.pass(-time.Hour)
			return h
		}, 5 * time.Second},
		{"while none runs", func(t *testing.T, h *hosttest.Host, c *clock) *hosttest.Host {
			hosttest.Must(t, h.Close())
			c.pass(-24 * time.Hour)
			return openHost(t, h.Data, c, nil)
		}, time.Hour},
	} {
		t.Run(when.name, func(t *testing.T) {
			h, c := newHost(t, nil)
			r := newReceiver(t, func(request) int { return 503 })
			push(t, h, r.URL)
			s := session(t, h)
			say(t, h, s, "r", 1)
			hosttest.Wait(t, "the first attempt", func() bool { return status(t, h, s, "r").LastError != nil })
			r.answerWith(ok)
			h = when.set(t, h, c)
			hosttest.Wait(t, "the pause to be no longer than any is", func() bool {
				next := status(t, h, s, "r").NextAttemptAt
				return next != nil && next.Sub(c.now()) <= when.most
			})
			c.pass(when.most)
			waitStatus(t, h, s, "r", engine.DeliveryDelivered)
			if got := r.ids(""); len(got) != 2 {
				t.Errorf("sent %q", got)
			}
		})
	}
}

// A lease is as long as it was asked for, in the time that really passes.
func TestALeaseIsNeitherShorterNorLongerForAClockThatIsSetBack(t *testing.T) {
	h, c := newHost(t, nil)
	s := session(t, h)
	say(t, h, s, "r", 1)
	hosttest.Wait(t, "the reply", func() bool { return slices.Equal(unsettled(t, h), []string{"r"}) })
	take := func() int {
		replies, err := h.ClaimReplies(t.Context(), engine.ClaimRepliesInput{Max: 1, LeaseSeconds: 60})
		hosttest.Must(t, err)
		return len(replies)
	}
	hosttest.Wait(t, "the claim", func() bool { return take() == 1 })
	c.pass(-time.Hour)
	hosttest.Wait(t, "the lease to end sooner", func() bool {
		rows := h.Rows(t, s, "inbound.db", `SELECT lease_until FROM engine_outbox`)
		return slices.Equal(rows, []string{fmt.Sprint(c.now().Add(time.Minute).UnixMilli())})
	})
	passed := time.Duration(0)
	for ; take() == 0; passed += time.Second {
		if passed > 90*time.Second {
			t.Fatal("a lease of a minute is not over after a minute and a half")
		}
		c.pass(time.Second)
	}
	if passed < time.Minute-time.Second {
		t.Errorf("given to another after %s", passed)
	}
}

func TestADayAsleepTriesEachReplyOnce(t *testing.T) {
	h, c := newHost(t, nil)
	r := newReceiver(t, func(request) int { return 503 })
	push(t, h, r.URL)
	var all []engine.Session
	for range 10 {
		s := session(t, h)
		all = append(all, s)
		for n := range 3 {
			say(t, h, s, fmt.Sprint("r", n), 2*n+1)
		}
	}
	for _, s := range all {
		hosttest.Wait(t, "the first attempt", func() bool { return status(t, h, s, "r0").LastError != nil })
	}
	r.answerWith(ok)
	c.pass(24 * time.Hour)
	for _, s := range all {
		waitStatus(t, h, s, "r2", engine.DeliveryDelivered)
		if got := r.ids(s.ID); !slices.Equal(got, []string{"r0", "r0", "r1", "r2"}) {
			t.Errorf("sent %q", got)
		}
	}
}

// The engine is restarted now and then while its receiver answers nothing but
// 500, for an hour.
func TestAnHourOfFailuresLosesNothingAndKeepsTheOrder(t *testing.T) {
	h, c := newHost(t, nil)
	r := newReceiver(t, func(request) int { return 500 })
	push(t, h, r.URL)
	s := session(t, h)
	began, want := c.now(), []string{}
	for n := 0; c.now().Sub(began) < time.Hour; n++ {
		if n < 10 {
			want = append(want, fmt.Sprintf("r%02d", n))
			say(t, h, s, want[n], 2*n+1)
		}
		hosttest.Wait(t, "an attempt", func() bool {
			next := status(t, h, s, "r00").NextAttemptAt
			return next != nil && next.After(c.now())
		})
		if n%3 == 2 {
			hosttest.Must(t, h.Close())
			h = openHost(t, h.Data, c, nil)
		}
		c.pass(status(t, h, s, "r00").NextAttemptAt.Sub(c.now()))
	}
	tries := len(r.ids(""))
	if got := slices.Compact(r.ids("")); !slices.Equal(got, want[:1]) || tries > 15 {
		t.Errorf("sent %q, in %d attempts", got, tries)
	}
	r.answerWith(ok)
	c.pass(15 * time.Minute)
	waitStatus(t, h, s, want[len(want)-1], engine.DeliveryDelivered)
	got := r.ids("")
	if !slices.Equal(slices.Compact(got), want) {
		t.Errorf("sent %q, want %q", slices.Compact(got), want)
	}
	for _, q := range r.all() {
		if q.PossibleRepeat {
			t.Errorf("said to be a repeat, though a 500 was no arrival: %+v", q)
		}
	}
}
