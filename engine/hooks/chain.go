package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/twinbox/twinbox/engine"
)

// passage is one call's way through a chain.
type passage struct {
	engine.HookCall
	point int
	// input is what AppendInput made of the subject as it is, if ready.
	input []byte
	ready bool
	out   []byte
	// since is the time since epoch at which the last call ended. Differences
	// are cheap; the time of day takes as long as a call that passes.
	epoch time.Time
	since time.Duration
	// waits is a context that ends with the call's time, for who waits.
	waits  context.Context
	cancel context.CancelFunc
	// ran: the hook at hand got so far that its guest ran, and took and spent
	// this much.
	ran  bool
	took time.Duration
	fuel int64
	// room is what it takes of the host's memory for inputs.
	room claim
}

// subjectError is a failure to read the subject, which no hook is to blame for.
type subjectError struct{ error }

// run calls the hook, or applies its policy. It returns HookPassed and no error
// also where that is to skip a failure.
func (l *link) run(ctx context.Context, c *passage) (engine.HookAction, error) {
	c.ran, c.took, c.fuel = false, 0, 0
	now := c.since
	if c.Point == engine.HookOnAttachment { // whose bytes would be read in vain
		now = time.Since(c.epoch)
	}
	switch {
	case ctx.Err() != nil:
		return l.ended(c, context.Cause(ctx))
	case c.late(now):
		return l.ended(c, engine.ErrHookTime)
	}
	// Groups share no circuit: what one's messages do to a hook is its own trouble.
	circuit := l.circuits.find(c.Target.AgentGroupID)
	ok, trial, last := circuit.admit(l.host.now)
	if !ok {
		return l.failed(c, fmt.Sprintf("its circuit is open, so it is not called, since it failed %d times in a row, at last: %s", circuitFailures, last))
	}
	settled := false
	defer func() {
		if !settled {
			circuit.abandoned(trial)
		}
	}()
	a, err := l.call(ctx, c)
	if err == nil {
		settled = true
		l.circuits.passed(c.Target.AgentGroupID, circuit, trial)
		l.came(c, a.action, a.reason)
		if a.action == engine.HookRejected {
			return a.action, &engine.Error{Code: engine.CodeHookRejected, Message: cmp.Or(a.reason, fmt.Sprintf("the hook %q refused it", l.name))}
		}
		return a.action, nil
	}
	s, unread := errors.AsType[subjectError](err)
	switch unavailable := engine.CodeOf(err) == engine.CodeUnavailable; {
	case err == engine.ErrHookTime:
		return l.ended(c, err)
	case c.waiting(ctx).Err() != nil && (unread || unavailable):
		return l.ended(c, context.Cause(c.waiting(ctx)))
	case unread:
		return "", s.error
	case unavailable:
		return "", err
	}
	text := messageOf(err)
	l.noted(c, text, err)
	if f, ok := errors.AsType[*fault](err); ok && f.input {
		return l.failed(c, text) // it says nothing about the hook
	}
	settled = true
	if opened, pause := l.circuits.make(c.Target.AgentGroupID).failed(trial, l.host.now(), text); opened {
		note := fmt.Sprintf("its circuit is open for %v: it failed %d times in a row", pause, circuitFailures)
		l.journal.add(levelWarn, note)
		l.host.log.Warn("a hook's circuit has opened", "hook", l.name, "pause", pause)
	}
	return l.failed(c, text)
}

// ended is what a hook comes to that is not called any more: an error if the
// caller has gone. If the hooks took too long together it is a failure, for
// what nobody looked at must not pass for what a hook let by; it says nothing
// about this one, so it counts for no circuit.
func (l *link) ended(c *passage, cause error) (engine.HookAction, error) {
	if !errors.Is(cause, engine.ErrHookTime) {
		return "", engine.Unavailable(cause, "the request ended before the hook %q was called; nothing was written", l.name)
	}
	text := "it was not called: " + cause.Error()
	l.noted(c, text, cause)
	return l.failed(c, text)
}

// noted takes note of a failure, for who looks at the hook. The log gets its
// cause, which text may leave out.
func (l *link) noted(c *passage, text string, cause error) {
	now := l.host.now()
	if ok, unlogged := l.warn(now); ok {
		l.host.log.Warn("a hook failed", "hook", l.name, "point", c.Point.Export(), "policy", l.policy, "error", cause, "unloggedBefore", unlogged)
	}
	if l.failure(now, text) {
		l.host.events.Put(engine.Event{Type: engine.EventHookFailed, HookName: l.name})
	}
	l.journal.add(levelError, c.Point.Export()+" failed: "+text)
}

// failed applies the policy.
func (l *link) failed(c *passage, text string) (engine.HookAction, error) {
	l.history.at(l.host.minute(time.Since(c.epoch))).failed(c.ran)
	if l.policy == engine.HookSkip {
		l.came(c, engine.HookWasPassed, text)
		return engine.HookPassed, nil
	}
	l.came(c, engine.HookFailed, text)
	return engine.HookFailed, &engine.Error{Code: engine.CodeHookFailed,
		Message: fmt.Sprintf("hook %q failed at %s: %s; nothing was written", l.name, c.Point.Export(), text)}
}

// came notes what the hook came to; reason is a refusal's or a failure's.
func (l *link) came(c *passage, a engine.HookAction, reason string) {
	l.count(c.point, a)
	c.Trace.Note(&engine.HookRun{Hook: l.name, Version: l.version.SHA256, Point: c.Point, Action: a, Reason: reason, Took: c.took, Fuel: c.fuel})
}

// call runs the hook on the subject as it is.
func (l *link) call(ctx context.Context, c *passage) (verdict, error) {
	if l.program.Load() == nil {
		if _, err := l.load(c.waiting(ctx)); err != nil {
			return verdict{}, err
		}
	}
	if err := c.fits(l.limits); err != nil {
		return verdict{}, err
	}
	m := l.idleMember(c.Target.AgentGroupID)
	if m == nil {
		l.host.leaveRoom(c)
		var err error
		if m, err = l.borrow(c.waiting(ctx), c.Target.AgentGroupID); err != nil {
			return verdict{}, err
		}
	}
	keep := true
	defer func() { l.giveBack(m, keep, c.since) }()
	if err := l.feed(ctx, c); err != nil {
		c.since = time.Since(c.epoch)
		return verdict{}, err
	}
	begun := time.Since(c.epoch)
	if c.late(begun) {
		c.since = begun
		return verdict{}, engine.ErrHookTime
	}
	a, took, err := c.through(m, l.limits, begun)
	c.ran, c.took, c.fuel = true, took, m.spent()
	l.stats.call(took, c.fuel)
	l.history.at(l.host.minute(c.since)).ran(took)
	keep = err == nil
	return a, err
}

// feed makes the input, once there is room for it.
func (l *link) feed(ctx context.Context, c *passage) error {
	if err := l.host.makeRoom(ctx, c); err != nil {
		return err
	}
	return c.prepare(ctx, l.limits)
}

// late tells whether c's time is over at a time since epoch.
func (c *passage) late(at time.Duration) bool {
	return !c.Until.IsZero() && at >= c.Until.Sub(c.epoch)
}

// waiting is ctx until c's time is over. It has a timer, which most calls need
// not pay for.
func (c *passage) waiting(ctx context.Context) context.Context {
	if c.Until.IsZero() {
		return ctx
	}
	if c.waits == nil {
		c.waits, c.cancel = context.WithDeadlineCause(ctx, c.Until, engine.ErrHookTime)
	}
	return c.waits
}

// fits tells whether the input is no larger than it may be, as far as that is
// known before it is made.
func (c *passage) fits(limits engine.HookLimits) error {
	size := int64(len(c.input))
	if !c.ready {
		size = c.Subject.InputBytes()
	}
	if size <= limits.InputBytes {
		return nil
	}
	f := faultf("its input has %s bytes, more than the %s that are allowed (limit inputBytes)", humanize.Comma(size), humanize.Comma(limits.InputBytes))
	f.input = true
	return f
}

// prepare makes the input, if it is not what the hook before had.
func (c *passage) prepare(ctx context.Context, limits engine.HookLimits) (err error) {
	if !c.ready {
		if c.Point == engine.HookOnAttachment { // its bytes are read from where they wait
			ctx = c.waiting(ctx)
		}
		if c.input, err = c.Subject.AppendInput(ctx, c.input[:0]); err != nil {
			return subjectError{err}
		}
		c.ready = true
	}
	return c.fits(limits)
}

// through runs a guest on the input, and gives the subject what it answered.
// begun is the time since epoch; what is returned is the guest's.
func (c *passage) through(g guest, limits engine.HookLimits, begun time.Duration) (verdict, time.Duration, error) {
	out, err := g.call(c.Point, c.input, fuelFor(limits, len(c.input)))
	passed := out == nil
	if err == nil {
		c.out = append(c.out[:0], out...)
		err = g.done()
	}
	c.since = time.Since(c.epoch)
	took := c.since - begun
	if err != nil || passed {
		return verdict{action: engine.HookPassed}, took, err
	}
	a, err := parseAnswer(c.Point, c.out)
	if cap(c.out) > maxKeptBuffer {
		c.out = nil // who waits for the next hook's instance holds none of it
	}
	if err == nil && a.action == engine.HookReplaced {
		switch err = c.Subject.Replace(a.replace); {
		case err == nil:
			c.ready = false
		case engine.CodeOf(err) == engine.CodeUnavailable:
			err = subjectError{err} // the disk's
		default:
			err = faultf("its answer was refused: %s", messageOfAnswer(err))
		}
	}
	return a, took, err
}

// messageOfAnswer is why the subject refused an answer, which is for the
// hook's author.
func messageOfAnswer(err error) string {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// fuelBytes is the input for which a call has the limit's fuel; it has as much
// again for each further one, up to fuelSteps: nothing stops a call meanwhile.
const (
	fuelBytes = 16 << 10
	fuelSteps = 64
)

// fuelFor is what a call on an input of n bytes may spend.
func fuelFor(l engine.HookLimits, n int) int64 {
	high, low := bits.Mul64(uint64(l.Fuel), uint64(min(1+n/fuelBytes, fuelSteps)))
	if high > 0 || low > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(low)
}
