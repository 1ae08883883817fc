package hooks

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

const (
	// afterFuel is for telling how a call failed.
	afterFuel = metering.DefaultFuel / 4
	// unwindFuel is kept back of a call's, or an eighth of it if that is less:
	// what runs out then ends with an error that tells its line.
	unwindFuel = 500_000
	maxPlaces  = 4
)

// interrupted is asked by QuickJS each ten thousand loops and calls: whether
// what is left will not do for as many again, and for unwinding.
func (g *scriptGuest) interrupted() bool {
	left := g.gauge.Left()
	burst := g.askedAt - left
	g.askedAt = left
	g.stopped = left < burst+min(unwindFuel, g.filled/8)
	return g.stopped
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
	g.askedAt = afterFuel
}

// threw is the fault of an exception that nothing caught.
func (g *scriptGuest) threw(what string, exception jsValue) error {
	stopped := g.stopped
	g.recover()
	if g.room.starved {
		return g.room.unavailable()
	}
	did, stack := "threw something that cannot be told", ""
	var told [2]string
	if json.Unmarshal(g.ask(g.describe, exception), &told) == nil {
		did, stack = told[0], told[1]
	}
	if stopped {
		return g.outOfFuel(what, stack)
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
		return g.room.unavailable()
	case exhausted == metering.OutOfFuel:
		g.recover()
		return g.outOfFuel(what, string(g.ask(g.trace, jsUndefined)))
	case exhausted == metering.OutOfDepth:
		g.recover()
		return faultf("%s called too deeply%s", what, g.where(string(g.ask(g.trace, jsUndefined))))
	}
	return g.explain(what, err)
}

func (g *scriptGuest) outOfFuel(what, stack string) error {
	return faultf("%s ran out of fuel: it was given %s units%s", what, humanize.Comma(g.filled), g.where(stack))
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

// where tells the author's lines in a stack trace, if there are any.
func (g *scriptGuest) where(stack string) string {
	var places []string
	for line := range strings.Lines(stack) {
		_, at, ok := strings.Cut(line, "("+scriptName+":")
		if !ok {
			continue
		}
		l, c, _ := strings.Cut(strings.TrimRight(at, ")\n"), ":")
		row, err := strconv.Atoi(l)
		column, err2 := strconv.Atoi(c)
		if err != nil || err2 != nil {
			continue
		}
		p, ok := g.script.place(row, column)
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
