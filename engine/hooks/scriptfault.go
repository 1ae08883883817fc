package hooks

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

const (
	// afterFuel is for telling how a call failed.
	afterFuel = metering.DefaultFuel / 4
	// unwindFuel is kept back of a call's where it is needed to tell how it
	// failed, or an eighth of it if that is less.
	unwindFuel = 500_000
	maxPlaces  = 4
	// maxFrames and maxStackBytes are what is looked at of a stack trace.
	maxFrames     = 16
	maxStackBytes = 8 << 10
)

// stop is why a script was not let go on.
type stop int

const (
	goesOn stop = iota
	lacksFuel
	lacksMemory
)

// interrupt answers QuickJS, which asks each ten thousand loops and calls
// whether to go on. What runs out of fuel traps, and the trace that QuickJS
// makes then, or made here, tells the line of the last call or property. Where
// there has been none yet, the error of an interrupted script tells the
// function. Memory is watched here because QuickJS needs some to say that there
// is none. An error of what is called here, in the middle of the script, shows
// in the script's call: it is for lack of fuel or depth.
func (g *scriptGuest) interrupt() bool {
	left := g.gauge.Left()
	burst := g.askedAt - left
	g.askedAt = left
	reserve := min(unwindFuel, g.filled/8)
	if g.failed {
		return false
	}
	if left < 4*burst+reserve { // a trace that is made after a trap can fail
		g.seen = g.nestedTrace()
	}
	switch {
	case left < burst+reserve && !strings.Contains(g.seen, scriptName+":"):
		g.stopped = lacksFuel
	case g.room.size > g.beganWith && g.room.size > g.limits.MemoryBytes-g.limits.MemoryBytes/8:
		g.seen, g.stopped = g.nestedTrace(), lacksMemory
	}
	return g.stopped != goesOn
}

// nestedTrace is the trace of a script that is running. A collection must not
// begin meanwhile: it may cost more than is left.
func (g *scriptGuest) nestedTrace() string {
	threshold, err := g.named("qjs_get_gc_threshold")
	if err != nil {
		return ""
	}
	_, _ = g.named("qjs_set_gc_threshold", math.MaxUint32)
	defer g.named("qjs_set_gc_threshold", threshold)
	v, err := g.named("JS_Call", g.context, uint64(g.trace), uint64(jsUndefined), 0, 0)
	if err != nil {
		return ""
	}
	if jsValue(v) == jsException {
		if v, err = g.named("JS_GetException", g.context); err == nil {
			_, _ = g.named("JS_FreeValue", g.context, v)
		}
		return ""
	}
	text, _ := g.nestedText(v, maxStackBytes)
	_, _ = g.named("JS_FreeValue", g.context, v)
	return text
}

// result is what became of a call of JavaScript, or the fault that it was.
func (g *scriptGuest) result(what string, v jsValue, err error) (jsValue, error) {
	if err != nil {
		return 0, g.trapped(what, err)
	}
	v, how, err := g.settle(v)
	switch {
	case err != nil:
		return 0, g.trapped(what, err)
	case how == threw:
		return 0, g.threw(what, v)
	case how == pending:
		return 0, faultf("%s returned a promise that never settles: nothing is left that could settle it (there are no timers, and nothing to wait for)", what)
	}
	return v, nil
}

// recover gives a call that failed what it takes to tell how.
func (g *scriptGuest) recover() {
	g.failed, g.used = true, g.quickJS.spent()
	g.gauge.Fill(afterFuel, quickJSDepth)
	// A collection would be in vain, and may be long; there is memory left for
	// this. If either fails, so does what follows.
	_, _ = g.named("qjs_set_gc_threshold", math.MaxUint32)
	_, _ = g.named("qjs_set_memory_limit", math.MaxInt32)
}

// threw is the fault of an exception that nothing caught.
func (g *scriptGuest) threw(what string, exception jsValue) error {
	g.recover()
	if g.room.starved {
		return g.room.quota.unavailable()
	}
	did, stack := "threw something that cannot be told", ""
	var told [2]string
	if json.Unmarshal(g.ask(g.describe, exception), &told) == nil {
		did, stack = told[0], told[1]
	}
	switch g.stopped {
	case lacksFuel:
		return g.outOfFuel(what, stack)
	case lacksMemory:
		return faultf("%s ran out of memory: its instance has %s bytes of the %s that are allowed (limit memoryBytes)%s", what,
			humanize.Comma(g.room.size), humanize.Comma(g.limits.MemoryBytes), cmp.Or(g.where(g.seen), g.where(stack)))
	}
	return faultf("%s %s%s", what, tame(did, maxFaultBytes/2), g.where(stack))
}

// trapped is the fault of a call that ended without unwinding. QuickJS's memory
// is as it was then, and it still knows what it was running.
func (g *scriptGuest) trapped(what string, err error) error {
	if f, ok := errors.AsType[*fault](err); ok {
		return faultf("%s %s", what, f.text)
	}
	switch exhausted := g.gauge.Exhausted(); {
	case g.room.starved:
		return g.room.quota.unavailable()
	case exhausted == metering.OutOfFuel:
		g.recover()
		return g.outOfFuel(what, string(g.ask(g.trace, jsUndefined)))
	case exhausted == metering.OutOfDepth:
		g.recover()
		return faultf("%s called too deeply%s", what, g.where(string(g.ask(g.trace, jsUndefined))))
	}
	return g.explain(what, err)
}

// outOfFuel tells the line of the function for the point where no trace has
// one: QuickJS notes none before the first call, and a collection that takes
// the rest of the fuel leaves it no time to.
func (g *scriptGuest) outOfFuel(what, stack string) error {
	at := cmp.Or(g.where(stack), g.where(g.seen))
	if at == "" && g.entered {
		at = g.where(string(g.ask(g.origin, jsUndefined)))
	}
	return faultf("%s ran out of fuel: it was given %s units%s", what, humanize.Comma(g.filled), at)
}

// ask calls one of the prelude's functions for a text; nil is a failure.
func (g *scriptGuest) ask(f, about jsValue) []byte {
	v, err := g.call2(f, about, jsUndefined)
	if err != nil || v == jsException {
		return nil
	}
	text, _, err := g.utf8(v)
	if err != nil {
		return nil
	}
	return text
}

// where tells the author's lines in a stack trace, if there are any. The trace
// may be made up by the script, and no fuel pays for this.
func (g *scriptGuest) where(stack string) string {
	var places []string
	mapped, looked := g.script.sourceMap(), 0
	for line := range strings.Lines(stack[:min(len(stack), maxStackBytes)]) {
		// It is "at f (script:1:2)", or "at script:1:2" where there is no function.
		_, at, ok := strings.Cut(strings.ReplaceAll(line, "(", " "), " "+scriptName+":")
		if !ok {
			continue
		}
		l, c, _ := strings.Cut(strings.TrimRight(at, ")\n"), ":")
		row, err := strconv.Atoi(l)
		column, err2 := strconv.Atoi(c)
		if err != nil || err2 != nil {
			continue
		}
		if looked++; looked > maxFrames {
			break
		}
		p, ok := mapped.place(row, column)
		if !ok {
			continue
		}
		if s := p.String(); len(places) == 0 || places[len(places)-1] != s {
			places = append(places, s)
		}
		if len(places) == maxPlaces {
			break
		}
	}
	if len(places) == 0 {
		return ""
	}
	return " at " + strings.Join(places, ", called from ")
}
