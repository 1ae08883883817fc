package hooks

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/tetratelabs/wazero/sys"

	"github.com/twinbox/twinbox/engine/hooks/metering"
)

const (
	maxFaultBytes  = 1500
	maxReasonBytes = 1000
)

// fault is what a hook did wrong, for its author: it reads on after "hook
// NAME: ". Its text may hold what the hook made up, and is limited.
type fault struct {
	text string
	// config tells that the hook refused its configuration.
	config bool
	// input tells that the input was too large for it to be called.
	input bool
}

func (f *fault) Error() string { return f.text }

// faultf makes a fault; what is a hook's own text among args may be anything.
func faultf(format string, args ...any) *fault {
	return &fault{text: tame(fmt.Sprintf(format, args...), maxFaultBytes)}
}

// explain says why calling a guest's function named what failed with err.
func (i *instance) explain(what string, err error) error {
	if i.room.starved {
		return i.room.quota.unavailable()
	}
	switch i.gauge.Exhausted() {
	case metering.OutOfFuel:
		return faultf("%s ran out of fuel: it was given %s units%s", what, humanize.Comma(i.filled), i.stderr())
	case metering.OutOfDepth:
		return faultf("%s called deeper than the %s frames that are allowed", what, humanize.Comma(metering.DefaultDepth))
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return faultf("%s: %s", what, f.text)
	}
	if exit, ok := errors.AsType[*sys.ExitError](err); ok {
		return faultf("%s exited with code %d%s", what, exit.ExitCode(), i.stderr())
	}
	for line := range strings.Lines(err.Error()) {
		i.log.line(levelError, line)
	}
	return faultf("%s trapped: %v%s", what, rootOf(err), i.stderr())
}

// rootOf is a trap without the runtime's trace around it.
func rootOf(err error) error {
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return err
}

// stderr is what the call wrote there, to be put after what it came to: its
// first line, where a panic says what it is, and its last, where a tool does.
func (i *instance) stderr() string {
	i.log.end()
	first, last := tame(i.log.first, maxFaultBytes/3), tame(i.log.last, maxFaultBytes/3)
	switch {
	case first == "":
		return ""
	case first == last:
		return ": " + first
	}
	return ": " + first + " … " + last
}

// tame makes text of at most n bytes of what may be anything: UTF-8, in one
// line, without what a terminal or a log would act on.
func tame(s string, n int) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			r = ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > n-len("…") {
			return strings.TrimSpace(b.String()) + "…"
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
